#include "host_cuda/execution.h"

#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

// The sanitizers do not look at this file (CMakeLists.txt), whose switches are none of functions
// and whose own data follows no barriers; they are told what they need to know.
#ifdef JNRF_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef JNRF_UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifdef __x86_64__
// Keeps what a called function must keep, and changes stacks. swapcontext would do, but for a
// system call a switch.
extern "C" void jnrf_switch_stack(void** left, void* entered);
asm(R"(
.text
.type jnrf_switch_stack, @function
jnrf_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size jnrf_switch_stack, . - jnrf_switch_stack
)");
#endif

namespace jnrf::cuda::host {
namespace {

constexpr size_t kStack = 128 * 1024;

// Stacks for as many threads as any block had so far; untouched ones take no memory.
class Stacks {
 public:
  ~Stacks() { release(); }
  unsigned char* at_least(unsigned threads) {
    if (threads > threads_) {
      release();
      void* memory = mmap(nullptr, threads * kStack, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc();
      memory_ = static_cast<unsigned char*>(memory);
      threads_ = threads;
    }
    return memory_;
  }

 private:
  void release() {
    if (memory_) munmap(memory_, threads_ * kStack);
    memory_ = nullptr;
  }
  unsigned char* memory_ = nullptr;
  unsigned threads_ = 0;
};

thread_local Stacks stacks;

enum class Wait { kNone, kWarp, kBlock, kReturned };

// What can be left and entered again: a thread of the block, or the scheduler.
struct Context {
#ifdef __x86_64__
  void* stack_pointer = nullptr;
#else
  ucontext_t machine{};
#endif
  const void* stack = nullptr;  // its lower end; of the scheduler, as AddressSanitizer says
  size_t stack_size = 0;
  void* kept = nullptr;   // AddressSanitizer's
  void* fiber = nullptr;  // ThreadSanitizer's

  // Begins in `entry` when it is entered.
  void prepare(unsigned char* memory, void (*entry)()) {
    stack = memory;
    stack_size = kStack;
#ifdef JNRF_UNDER_ASAN
    __asan_unpoison_memory_region(memory, kStack);  // frames that were left for good
#endif
#ifdef __x86_64__
    // Six registers, then where to return to, as after a call: 8 below a multiple of 16.
    auto** top = reinterpret_cast<void**>(memory + kStack) - 8;
    std::fill(top, top + 8, nullptr);
    top[6] = reinterpret_cast<void*>(entry);
    stack_pointer = top;
#else
    getcontext(&machine);
    machine.uc_stack.ss_sp = memory;
    machine.uc_stack.ss_size = kStack;
    machine.uc_link = nullptr;
    makecontext(&machine, entry, 0);
#endif
  }
};

void switch_to(Context& from, Context& to, bool last) {
#ifdef JNRF_UNDER_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &from.kept, to.stack, to.stack_size);
#endif
#ifdef JNRF_UNDER_TSAN
  // No order between threads follows from our switching, only from their barriers.
  __tsan_switch_to_fiber(to.fiber, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef __x86_64__
  jnrf_switch_stack(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.machine, &to.machine);
#endif
#ifdef JNRF_UNDER_ASAN
  __sanitizer_finish_switch_fiber(from.kept, nullptr, nullptr);
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
        stacks_(stacks.at_least(threads)),
        random_(schedule) {
#ifdef JNRF_UNDER_TSAN
    scheduler_.fiber = __tsan_get_current_fiber();
    for (Thread& thread : threads_) thread.context.fiber = __tsan_create_fiber(0);
#endif
  }
#ifdef JNRF_UNDER_TSAN
  ~Block() {
    for (Thread& thread : threads_) __tsan_destroy_fiber(thread.context.fiber);
  }
#endif

  void run(Index index);

  // Of the running thread.
  void wait(Wait what) {
    Thread& thread = threads_[running_];
#ifdef JNRF_UNDER_TSAN
    void* barrier = what == Wait::kBlock ? &barrier_ : &warps_[running_ / kWarp].barrier;
    __tsan_release(barrier);
    __tsan_release(&finished_);
#endif
    thread.wait = what;
    switch_to(thread.context, scheduler_, false);
#ifdef JNRF_UNDER_TSAN
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
#ifdef JNRF_UNDER_TSAN
      __tsan_release(&static_bytes_);
#endif
    }
#ifdef JNRF_UNDER_TSAN
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
  static void enter();

  const char* name_;
  Index grid_;
  unsigned count_;
  size_t shared_bytes_;
  const std::function<void()>& kernel_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  unsigned char* stacks_;
  std::minstd_rand random_;
  Memory dynamic_, static_;
  size_t static_bytes_ = 0;
  Context scheduler_;
  unsigned running_ = 0;
  char barrier_ = 0, started_ = 0, finished_ = 0;  // places for ThreadSanitizer
  std::exception_ptr thrown_;
};

thread_local Block* block = nullptr;

void Block::enter() {
  Block* self = block;
#ifdef JNRF_UNDER_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_.stack, &self->scheduler_.stack_size);
#endif
#ifdef JNRF_UNDER_TSAN
  __tsan_acquire(&self->started_);
#endif
  Thread& thread = self->threads_[self->running_];
  try {
    self->kernel_();
  } catch (...) {
    self->thrown_ = std::current_exception();
  }
#ifdef JNRF_UNDER_TSAN
  __tsan_release(&self->finished_);
#endif
  thread.wait = Wait::kReturned;
  switch_to(thread.context, self->scheduler_, true);
}

void Block::start(unsigned t) {
  threads_[t].wait = Wait::kNone;
  threads_[t].context.prepare(stacks_ + t * kStack, &Block::enter);
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
#ifdef JNRF_UNDER_TSAN
  __tsan_acquire(&finished_);
#endif
}

void Block::run(Index index) {
  blockIdx = index;
  dynamic_ = poisoned(shared_bytes_);
  static_bytes_ = 0;
#ifdef JNRF_UNDER_TSAN
  __tsan_release(&started_);
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
