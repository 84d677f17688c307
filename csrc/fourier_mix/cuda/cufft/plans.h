// cuFFT's plans, kept for the lengths that were used last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

namespace jnrf::cuda {

// A real 2-D transform of one document, or complex ones of its columns.
struct FourierPlan {
  int device;
  int64_t length, hidden;
  bool wide;             // of float64
  int64_t columns;       // complex columns, or 0: the 2-D transform
  int handle = 0;        // cuFFT's
  size_t workspace = 0;  // bytes that it needs while it runs
  int64_t calls = 0;
  bool captured = false;  // a CUDA graph has its tables' addresses: kept until all are cleared

  bool is(const FourierPlan& other) const {
    return device == other.device && length == other.length && hidden == other.hidden &&
           wide == other.wide && columns == other.columns;
  }
};

// All plans of the process. Several threads may use them.
class FourierPlans {
 public:
  static FourierPlans& all();

  // A document to transform: from [length, hidden] to complex [length, hidden / 2 + 1], or complex
  // [length, columns] in place.
  struct Work {
    int64_t length;
    void* from;
    void* to;
  };
  // Transforms documents on the current device, on `stream`, as `like` would but for the length.
  // workspace(bytes) gives memory that they use one after another. Plans that are missing are made,
  // which a stream that is being captured does not allow: an error then.
  void transform(const std::vector<Work>& documents, FourierPlan like, void* stream,
                 const std::function<void*(size_t)>& workspace);

  std::vector<FourierPlan> list();
  void clear();
  // At most so many plans are kept.
  size_t limit();
  void set_limit(size_t limit);

 private:
  FourierPlan& find_or_make(const FourierPlan& wanted, bool capturing);
  void drop_beyond(size_t count);

  std::mutex mutex_;
  std::list<FourierPlan> plans_;  // the last used first
  size_t limit_ = 512;
};

}  // namespace jnrf::cuda
