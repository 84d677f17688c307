// Memory for the length of one call, kept for the next one: fresh pages of tens of megabytes cost
// as much as the transforms that use them.
#pragma once

#include <cstddef>

namespace jnrf::cpu {

class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <typename T>
  T* data() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_;
  size_t bytes_;
};

}  // namespace jnrf::cpu
