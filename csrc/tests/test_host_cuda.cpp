// The stand-in itself: kernels that are right give the same under every schedule, and each mistake
// that it promises to find is found.
#include <bit>
#include <cmath>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "device/launch.h"
#include "device/mma.cuh"
#include "tests/check.h"

namespace jnrf::cuda {
namespace {

using tests::expect;

constexpr unsigned kSchedules[] = {0, 1, 2, 3, 4};

// Sums `count` numbers a block, by way of shared memory.
void reverse_and_sum(const float* from, int count, float* to, bool barrier) {
  float* row = dynamic_shared<float>();
  const int t = static_cast<int>(threadIdx.x);
  if (t < count) row[t] = from[blockIdx.x * count + t];
  if (barrier) __syncthreads();
  struct Warps {
    float sums[32];
  };
  // Weights make the sum depend on which thread reads which number.
  const float mine = t < count ? row[count - 1 - t] * static_cast<float>(t + 1) : 0.0f;
  const float total = block_sum(mine, static_shared<Warps>().sums);
  if (t == 0) to[blockIdx.x] = total;
}

std::vector<float> sums(unsigned schedule, bool barrier) {
  host::schedule = schedule;
  constexpr int kBlocks = 3, kCount = 100;
  std::vector<float> from(kBlocks * kCount), to(kBlocks, -1.0f);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i % 7);
  launch("reverse_and_sum", reverse_and_sum, Grid{kBlocks}, 128, kCount * sizeof(float), nullptr,
         from.data(), kCount, to.data(), barrier);
  return to;
}

void test_orders() {
  // Compared by their bits: memory read before it was written is not a number.
  const auto bits = [](const std::vector<float>& values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  };
  std::set<std::string> right, wrong;
  for (unsigned schedule : kSchedules) right.insert(bits(sums(schedule, true)));
  expect(right.size() == 1, "a kernel with its barrier gives the same under every schedule");
  float wanted = 0;
  for (int t = 0; t < 100; ++t) wanted += static_cast<float>((99 - t) % 7 * (t + 1));
  expect(sums(0, true)[0] == wanted, "the sum is the sum");
#if !defined(__SANITIZE_THREAD__)  // which stops at the race
  for (unsigned schedule : kSchedules) wrong.insert(bits(sums(schedule, false)));
  expect(wrong.size() > 1, "a kernel without its barrier gives different results");
#endif
}

void shuffles(int* to) {
  const int lane = static_cast<int>(threadIdx.x % 32), t = static_cast<int>(threadIdx.x);
  to[6 * t] = __shfl_xor_sync(kAllLanes, t, 5);
  to[6 * t + 1] = __shfl_up_sync(kAllLanes, t, 3);
  to[6 * t + 2] = __shfl_down_sync(kAllLanes, t, 30);
  to[6 * t + 3] = __shfl_sync(kAllLanes, t, 7);
  to[6 * t + 4] = __popc(__ballot_sync(kAllLanes, lane % 3 == 0));
  to[6 * t + 5] = warp_sum(lane);
}

void test_warps() {
  for (unsigned schedule : kSchedules) {
    host::schedule = schedule;
    std::vector<int> to(6 * 64);
    launch("shuffles", shuffles, Grid{1}, 64, 0, nullptr, to.data());
    bool right = true;
    for (int t = 0; t < 64; ++t) {
      const int first = t / 32 * 32, lane = t % 32;
      right = right && to[6 * t] == first + (lane ^ 5) && to[6 * t + 1] == (lane < 3 ? t : t - 3) &&
              to[6 * t + 2] == (lane < 2 ? t + 30 : t) && to[6 * t + 3] == first + 7 &&
              to[6 * t + 4] == 11 && to[6 * t + 5] == 496;
    }
    expect(right, "shuffles, ballots and sums of warps");
  }
}

void one_returns() {
  if (threadIdx.x == 40) return;
  __syncthreads();
}
void half_of_a_warp() {
  if (threadIdx.x < 16) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}
void blocks_in_order(int* turn) {
  if (threadIdx.x == 0) turn[blockIdx.x] = turn[0]++;
}

void expect_error(void (*kernel)(), const char* part) {
  std::string message;
  try {
    launch("mistaken", kernel, Grid{1}, 64, 0, nullptr);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  expect(message.find("kernel mistaken, block (0, 0, 0)") == 0, "errors name kernel and block");
  expect(message.find(part) != std::string::npos, part);
}

void test_mistakes() {
  expect_error(one_returns, "wait for the block, but 1 have returned");
  expect_error(half_of_a_warp, "some threads of warp 0 wait for their warp, 16 for the block");
  std::set<std::vector<int>> turns;
  for (unsigned schedule : kSchedules) {
    host::schedule = schedule;
    std::vector<int> turn(5, 0);
    launch("blocks_in_order", blocks_in_order, Grid{5}, 32, 0, nullptr, turn.data());
    turns.insert(turn);
  }
  expect(turns.size() > 1, "blocks that depend on each other give different results");
}

// d = a b by one warp, and by loops over what the operands are after rounding.
template <bool kBf16>
void products(const float* a, const float* b, float* d) {
  constexpr unsigned kDepth = kBf16 ? 16 : 8;
  const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  float sum[4] = {};
  unsigned left[4], right[2];
  for (unsigned i = 0; i < 4; ++i) {
    const float* row = a + (g + 8 * (i % 2)) * kDepth;
    const unsigned k = kBf16 ? 2 * t + 8 * (i / 2) : t + 4 * (i / 2);
    left[i] = kBf16 ? pack_bf16(row[k], row[k + 1]) : as_bits(row[k]);
  }
  for (unsigned i = 0; i < 2; ++i) {
    const unsigned k = kBf16 ? 2 * t + 8 * i : t + 4 * i;
    right[i] = kBf16 ? pack_bf16(b[k * 8 + g], b[(k + 1) * 8 + g]) : as_bits(b[k * 8 + g]);
  }
  if constexpr (kBf16) {
    mma_bf16(sum, left, right);
  } else {
    mma_tf32(sum, left, right);
  }
  for (unsigned i = 0; i < 4; ++i) d[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = sum[i];
}

template <bool kBf16>
void test_products() {
  constexpr int kDepth = kBf16 ? 16 : 8;
  std::vector<float> a(16 * kDepth), b(kDepth * 8), d(16 * 8, -1.0f);
  for (size_t i = 0; i < a.size(); ++i) a[i] = 0.1f * static_cast<float>(i * 37 % 101) - 5.0f;
  for (size_t i = 0; i < b.size(); ++i) b[i] = 0.3f * static_cast<float>(i * 53 % 97) - 14.0f;
  launch("products", products<kBf16>, Grid{1}, 32, 0, nullptr, a.data(), b.data(), d.data());
  const auto rounded = [](float value) {
    return kBf16 ? static_cast<float>(bfloat16(value)) : read_tf32(as_bits(value));
  };
  std::vector<double> wanted(d.size());
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      for (int k = 0; k < kDepth; ++k) {
        wanted[i * 8 + j] += double{rounded(a[i * kDepth + k])} * rounded(b[k * 8 + j]);
      }
    }
  }
  tests::expect_close(kBf16 ? "bfloat16 products" : "TF32 products", d, wanted, 1e-6);
}

void test_rounding() {
  expect(static_cast<float>(bfloat16(1.00390625f)) == 1.0f, "bfloat16 rounds ties to even");
  expect(static_cast<float>(bfloat16(1.01171875f)) == 1.015625f, "bfloat16 rounds ties to even");
  for (const float value : {1.0f, -3.14159265f, 1.0009764f, 3.4e38f, 1e-30f, 0.0f}) {
    unsigned high, low;
    split_tf32(value, high, low);
    expect(std::abs(read_tf32(high) + read_tf32(low) - value) <= std::abs(value) * 0x1p-22f,
           "two TF32 numbers are a float to 22 bits");
  }
  for (const float value : {NAN, INFINITY, std::bit_cast<float>(0x7fffffffu)}) {
    unsigned high, low;
    split_tf32(value, high, low);
    expect(std::isnan(read_tf32(high) + read_tf32(low)), "what is no number stays none");
  }
  expect(std::isnan(static_cast<float>(bfloat16(NAN))), "bfloat16 keeps what is no number");
}

}  // namespace
}  // namespace jnrf::cuda

int main() {
  jnrf::cuda::test_orders();
  jnrf::cuda::test_warps();
  jnrf::cuda::test_mistakes();
  jnrf::cuda::test_products<false>();
  jnrf::cuda::test_products<true>();
  jnrf::cuda::test_rounding();
  return jnrf::tests::report();
}
