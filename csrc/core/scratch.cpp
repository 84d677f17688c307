#include "core/scratch.h"

#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace jnrf::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kMostKept = size_t{256} << 20;

// One buffer waits for the next call; calls at the same time get memory of their own.
std::mutex mutex;
void* spare = nullptr;
size_t spare_bytes = 0;

}  // namespace

Scratch::Scratch(size_t bytes) : memory_(nullptr), bytes_(0) {
  {
    const std::lock_guard lock(mutex);
    if (spare_bytes >= bytes) {
      std::swap(memory_, spare);
      std::swap(bytes_, spare_bytes);
    }
  }
  if (memory_) return;
  bytes_ = (bytes / kHugePage + 1) * kHugePage;
  memory_ = std::aligned_alloc(kHugePage, bytes_);
  if (!memory_) throw std::bad_alloc();
#ifdef __linux__
  madvise(memory_, bytes_, MADV_HUGEPAGE);  // only a hint
#endif
}

Scratch::~Scratch() {
  {
    const std::lock_guard lock(mutex);
    if (bytes_ > spare_bytes && bytes_ <= kMostKept) {
      std::swap(memory_, spare);
      std::swap(bytes_, spare_bytes);
    }
  }
  std::free(memory_);
}

}  // namespace jnrf::cpu
