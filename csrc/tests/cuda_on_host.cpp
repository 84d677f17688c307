#include "tests/cuda_on_host.h"

#include <csetjmp>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(JNRF_UNDER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
// Sanitizers must be told of each switch, and see none that longjmp makes. ThreadSanitizer does not
// look at this file (CMakeLists.txt): the scheduler's own data follows no barriers.
#if defined(__SANITIZE_ADDRESS__) || defined(JNRF_UNDER_TSAN)
#define JNRF_SANITIZED 1
#else
#define JNRF_SANITIZED 0
#endif

namespace jnrf::cuda::host {
namespace {

constexpr size_t kStack = JNRF_SANITIZED ? 512 * 1024 : 128 * 1024;

enum class Wait { kNone, kWarp, kBlock, kReturned };

// A context that can be left and entered again: a thread of the block, or the scheduler.
struct Context {
  ucontext_t machine{};
  std::jmp_buf jump;
  bool started = false;
  const void* stack = nullptr;  // AddressSanitizer's view of it
  size_t stack_size = 0;
  void* kept = nullptr;
#if defined(JNRF_UNDER_TSAN)
  void* fiber = nullptr;
#endif
};

// Leaves one context for another. setjmp and longjmp make no system call, as swapcontext does.
void switch_to(Context& from, Context& to, bool last) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(last ? nullptr : &from.kept, to.stack, to.stack_size);
#endif
#if defined(JNRF_UNDER_TSAN)
  // No order between threads follows from our switching, only from their barriers.
  __tsan_switch_to_fiber(to.fiber, __tsan_switch_to_fiber_no_sync);
#endif
#if JNRF_SANITIZED
  swapcontext(&from.machine, &to.machine);
#else
  if (_setjmp(from.jump) == 0) {
    if (to.started) _longjmp(to.jump, 1);
    to.started = true;
    swapcontext(&from.machine, &to.machine);
  }
#endif
#if defined(__SANITIZE_ADDRESS__)
  const void* left;
  size_t size;
  __sanitizer_finish_switch_fiber(from.kept, &left, &size);
  if (from.stack == nullptr) to.stack = left;
#endif
}

struct Thread {
  Context context;
  Wait wait = Wait::kNone;
  bool odd = false;  // which of the warp's two sets of slots comes next
};

struct Warp {
  // Two sets, taken in turn: one exchange may begin while another thread still reads the last.
  unsigned char slots[2][kWarp * kSlot];
  char barrier = 0;
};

class Block {
 public:
  Block(const char* name, Index grid, unsigned threads, size_t shared_bytes,
        const std::function<void()>& kernel)
      : name_(name),
        grid_(grid),
        count_(threads),
        shared_bytes_(shared_bytes),
        kernel_(kernel),
        threads_(threads),
        warps_(threads / kWarp),
        stacks_(std::make_unique_for_overwrite<unsigned char[]>(threads * kStack)),
        random_(schedule) {}

  void run(Index index);

  // Of the running thread.
  void wait(Wait what) {
    Thread& thread = threads_[running_];
#if defined(JNRF_UNDER_TSAN)
    void* barrier = what == Wait::kBlock ? &barrier_ : &warps_[running_ / kWarp].barrier;
    __tsan_release(barrier);
    __tsan_release(&finished_);
#endif
    thread.wait = what;
    switch_to(thread.context, scheduler_, false);
#if defined(JNRF_UNDER_TSAN)
    __tsan_acquire(barrier);
#endif
  }
  unsigned char* slots() {
    Thread& thread = threads_[running_];
    thread.odd = !thread.odd;
    return warps_[running_ / kWarp].slots[thread.odd];
  }
  void* dynamic_memory() { return dynamic_.get(); }
  void* static_memory(size_t bytes) {
    if (static_bytes_ == 0) {
      static_bytes_ = bytes;
      static_ = poisoned(bytes);
#if defined(JNRF_UNDER_TSAN)
      __tsan_release(&static_bytes_);
#endif
    }
#if defined(JNRF_UNDER_TSAN)
    __tsan_acquire(&static_bytes_);  // the one who asks first may be any thread
#endif
    if (bytes != static_bytes_) throw std::logic_error("one static_shared a kernel");
    return static_.get();
  }

 private:
  struct Aligned {
    void operator()(unsigned char* memory) const { ::operator delete[](memory, kAlign); }
    static constexpr std::align_val_t kAlign{128};
  };
  using Memory = std::unique_ptr<unsigned char, Aligned>;

  // Not a number as float or double under the first schedule; under others something else.
  Memory poisoned(size_t bytes) const {
    auto* memory = static_cast<unsigned char*>(::operator new[](bytes, Aligned::kAlign));
    std::memset(memory, schedule == 0 ? 0xff : schedule == 1 ? 0x3e : 0x5b, bytes);
    return Memory(memory);
  }
  [[noreturn]] void fail(const std::string& what) {
    end();
    throw std::runtime_error(std::string("kernel ") + name_ + ", block (" +
                             std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ", " +
                             std::to_string(blockIdx.z) + "): " + what);
  }
  void start(unsigned t);
  void end();
  void resume(unsigned t);
  bool advance(unsigned warp);
  bool release_block();
  std::vector<unsigned> order(unsigned count);
  static void enter(unsigned high, unsigned low);

  const char* name_;
  Index grid_;
  unsigned count_;
  size_t shared_bytes_;
  const std::function<void()>& kernel_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::unique_ptr<unsigned char[]> stacks_;
  std::minstd_rand random_;
  Memory dynamic_, static_;
  size_t static_bytes_ = 0;
  Context scheduler_;
  unsigned running_ = 0;
  char barrier_ = 0, finished_ = 0;  // places for ThreadSanitizer
  std::exception_ptr thrown_;
};

thread_local Block* block = nullptr;

void Block::enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Block*>(static_cast<uintptr_t>(high) << 32 | low);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_.stack, &self->scheduler_.stack_size);
#endif
  Thread& thread = self->threads_[self->running_];
  try {
    self->kernel_();
  } catch (...) {
    self->thrown_ = std::current_exception();
  }
#if defined(JNRF_UNDER_TSAN)
  __tsan_release(&self->finished_);
#endif
  thread.wait = Wait::kReturned;
  switch_to(thread.context, self->scheduler_, true);
}

void Block::start(unsigned t) {
  Thread& thread = threads_[t];
  thread.wait = Wait::kNone;
  thread.context.started = false;
  thread.context.stack = stacks_.get() + t * kStack;
  thread.context.stack_size = kStack;
  getcontext(&thread.context.machine);
  thread.context.machine.uc_stack.ss_sp = stacks_.get() + t * kStack;
  thread.context.machine.uc_stack.ss_size = kStack;
  thread.context.machine.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&thread.context.machine, reinterpret_cast<void (*)()>(&Block::enter), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

void Block::resume(unsigned t) {
  running_ = t;
  threadIdx.x = t;
  switch_to(scheduler_, threads_[t].context, false);
  if (thrown_) {
    end();
    std::rethrow_exception(thrown_);
  }
}

std::vector<unsigned> Block::order(unsigned count) {
  std::vector<unsigned> result(count);
  std::iota(result.begin(), result.end(), 0u);
  if (schedule == 1) std::reverse(result.begin(), result.end());
  if (schedule > 1) std::shuffle(result.begin(), result.end(), random_);
  return result;
}

// Runs a warp's threads to their next barrier and, where that is the warp's, lets them pass it.
// False where they can go no further.
bool Block::advance(unsigned warp) {
  const unsigned first = warp * kWarp;
  bool moved = false;
  for (unsigned lane : order(kWarp)) {
    if (threads_[first + lane].wait == Wait::kNone) {
      resume(first + lane);
      moved = true;
    }
  }
  const auto at = [&](Wait what) {
    return std::count_if(threads_.begin() + first, threads_.begin() + first + kWarp,
                         [what](const Thread& thread) { return thread.wait == what; });
  };
  if (at(Wait::kWarp) == 0) return moved;
  if (at(Wait::kWarp) != kWarp) {
    fail("some threads of warp " + std::to_string(warp) + " wait for their warp, " +
         std::to_string(at(Wait::kBlock)) + " for the block, and " +
         std::to_string(at(Wait::kReturned)) + " have returned");
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) threads_[first + lane].wait = Wait::kNone;
  return true;
}

// False once all threads have returned.
bool Block::release_block() {
  const auto returned = std::count_if(threads_.begin(), threads_.end(), [](const Thread& thread) {
    return thread.wait == Wait::kReturned;
  });
  if (returned == count_) return false;
  if (returned > 0) {
    fail("some threads wait for the block, but " + std::to_string(returned) + " have returned");
  }
  for (Thread& thread : threads_) thread.wait = Wait::kNone;
  return true;
}

// What the threads wrote is the caller's from here on.
void Block::end() {
#if defined(JNRF_UNDER_TSAN)
  __tsan_acquire(&finished_);
  for (Thread& thread : threads_) __tsan_destroy_fiber(thread.context.fiber);
#endif
}

void Block::run(Index index) {
  blockIdx = index;
  dynamic_ = poisoned(shared_bytes_);
  static_bytes_ = 0;
#if defined(JNRF_UNDER_TSAN)
  scheduler_.fiber = __tsan_get_current_fiber();
  for (Thread& thread : threads_) thread.context.fiber = __tsan_create_fiber(0);
#endif
  for (unsigned t = 0; t < count_; ++t) start(t);
  do {
    // Each warp goes as far as it can alone, so that warps are as far apart as they can get; at
    // random, warps overtake each other on the way.
    bool moved = true;
    while (moved) {
      moved = false;
      for (unsigned warp : order(static_cast<unsigned>(warps_.size()))) {
        if (schedule > 1) {
          moved = advance(warp) || moved;
        } else {
          while (advance(warp)) moved = true;
        }
      }
    }
  } while (release_block());
  end();
}

}  // namespace

void wait_for_block() { block->wait(Wait::kBlock); }
void wait_for_warp() { block->wait(Wait::kWarp); }
unsigned char* exchange_slots() { return block->slots(); }
void* dynamic_memory() { return block->dynamic_memory(); }
void* static_memory(size_t bytes) { return block->static_memory(bytes); }

void run(const char* name, Index grid, unsigned threads, size_t shared_bytes,
         const std::function<void()>& kernel) {
  if (threads == 0 || threads % kWarp != 0 || threads > 1024) {
    throw std::logic_error(std::string("kernel ") + name + ": " + std::to_string(threads) +
                           " threads are not whole warps, at most 1024");
  }
  gridDim = grid;
  blockDim = {threads, 1, 1};
  Block running(name, grid, threads, shared_bytes, kernel);
  block = &running;
  std::vector<Index> blocks;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) blocks.push_back({x, y, z});
    }
  }
  if (schedule == 1) std::reverse(blocks.begin(), blocks.end());
  if (schedule > 1) std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(schedule));
  for (const Index& index : blocks) running.run(index);
  block = nullptr;
}

}  // namespace jnrf::cuda::host
