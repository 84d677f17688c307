// Ordered compaction: the roles of all tokens and how many of each a block has, then every role's
// tokens at the places that the counts of the blocks before give them. What is wrong among labels
// and bounds selects nothing, and is never an index.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

inline constexpr int kSelectTokens = 256;  // a block has, one a thread
inline constexpr int kSelectWarps = kSelectTokens / 32;
inline constexpr int kSelectLabels = 16;  // logits of a token that are in shared memory at once
inline constexpr int kRoles = 2;          // heads, then tails: the bits of a role

struct RoleInputs {
  const int32_t* role_of_label;
  const int32_t* bounds;
  int64_t tokens;
  int num_labels, documents;
};

struct RoleOutputs {
  uint8_t* roles;   // [tokens]
  int32_t* counts;  // [blocks, kRoles]
};

// The role of a token with this label.
__device__ __forceinline__ int role_of(int64_t label, int64_t token, const RoleInputs& in) {
  const bool counts =
      token < in.tokens && token < in.bounds[in.documents] && label >= 0 && label < in.num_labels;
  return counts ? in.role_of_label[label] & 3 : 0;
}

// Every thread of the block with its token's role.
__device__ __forceinline__ void write_roles(int role, int64_t token, int64_t tokens,
                                            const RoleOutputs& out, int (*warps)[kSelectWarps]) {
  if (token < tokens) out.roles[token] = static_cast<uint8_t>(role);
#pragma unroll
  for (int r = 0; r < kRoles; ++r) {
    const int count = __popc(__ballot_sync(kAllLanes, role >> r & 1));
    if (threadIdx.x % 32 == 0) warps[r][threadIdx.x / 32] = count;
  }
  __syncthreads();
  if (threadIdx.x < kRoles) {
    int count = 0;
    for (int w = 0; w < kSelectWarps; ++w) count += warps[threadIdx.x][w];
    out.counts[blockIdx.x * kRoles + threadIdx.x] = count;
  }
}

struct LabelShared {
  int warps[kRoles][kSelectWarps];
};

template <typename Label>
__global__ void __launch_bounds__(kSelectTokens)
    roles_of_labels(const Label* labels, RoleInputs in, RoleOutputs out) {
  auto& shared = static_shared<LabelShared>();
  const int64_t token = static_cast<int64_t>(blockIdx.x) * kSelectTokens + threadIdx.x;
  const int64_t label = token < in.tokens ? labels[token] : -1;
  write_roles(role_of(label, token, in), token, in.tokens, out, shared.warps);
}

template <typename T>
struct Wide {
  using Type = float;
};
template <>
struct Wide<double> {
  using Type = double;
};

template <typename T>
struct LogitShared {
  // A number more than a row has, so that a column lies in as many banks as it can.
  T logits[kSelectTokens][kSelectLabels + 1];
  int warps[kRoles][kSelectWarps];
};

// The label of a token is its largest logit, the first of equals; what is not a number counts as
// largest, as in torch.argmax.
template <typename T>
__global__ void __launch_bounds__(kSelectTokens)
    roles_of_logits(const T* logits, RoleInputs in, RoleOutputs out) {
  using Number = typename Wide<T>::Type;
  auto& shared = static_shared<LogitShared<T>>();
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kSelectTokens;
  const int rows = static_cast<int>(min(in.tokens - first, static_cast<int64_t>(kSelectTokens)));
  int label = 0;
  Number largest = 0;
  for (int begin = 0; begin < in.num_labels; begin += kSelectLabels) {
    const int width = min(kSelectLabels, in.num_labels - begin);
    for (int i = thread; i < rows * width; i += kSelectTokens) {
      const int row = i / width, column = i % width;
      shared.logits[row][column] = logits[(first + row) * in.num_labels + begin + column];
    }
    __syncthreads();
    if (thread < rows) {
      for (int column = 0; column < width; ++column) {
        const auto logit = static_cast<Number>(shared.logits[thread][column]);
        if (begin + column == 0 || (largest == largest && !(logit <= largest))) {
          largest = logit;
          label = begin + column;
        }
      }
    }
    __syncthreads();
  }
  write_roles(role_of(label, first + thread, in), first + thread, in.tokens, out, shared.warps);
}

struct Places {
  int64_t* tokens[kRoles];  // [capacity]
  int32_t* bounds[kRoles];  // [documents + 1]
  int64_t capacity;
};

struct CompactShared {
  int sums[32];
  int warps[kSelectWarps];
  int before[kSelectTokens + 1];  // of each token, in the whole batch
};

__global__ void __launch_bounds__(kSelectTokens)
    compact_roles(RoleOutputs from, RoleInputs in, Places to) {
  auto& shared = static_shared<CompactShared>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const auto block = static_cast<int>(blockIdx.x), blocks = static_cast<int>(gridDim.x);
  const int64_t first = static_cast<int64_t>(block) * kSelectTokens, token = first + thread;
  const int role = token < in.tokens ? from.roles[token] : 0;
#pragma unroll
  for (int r = 0; r < kRoles; ++r) {
    int earlier = 0, all = 0;
    for (int b = thread; b < blocks; b += kSelectTokens) {
      const int count = from.counts[b * kRoles + r];
      all += count;
      if (b < block) earlier += count;
    }
    earlier = block_sum(earlier, shared.sums);
    all = block_sum(all, shared.sums);

    const bool mine = role >> r & 1;
    const unsigned lanes = __ballot_sync(kAllLanes, mine);
    if (lane == 0) shared.warps[warp] = __popc(lanes);
    __syncthreads();
    int place = earlier + __popc(lanes & ((1u << lane) - 1));
    for (int w = 0; w < warp; ++w) place += shared.warps[w];
    shared.before[thread] = place;
    if (thread == kSelectTokens - 1) shared.before[kSelectTokens] = place + mine;
    if (mine && place < to.capacity) to.tokens[r][place] = token;
    __syncthreads();

    // The bounds of the documents that start among this block's tokens, or after the last one.
    for (int b = thread; b <= in.documents; b += kSelectTokens) {
      const int64_t start = max(min(static_cast<int64_t>(in.bounds[b]), in.tokens), int64_t{0});
      if (min(start / kSelectTokens, static_cast<int64_t>(blocks - 1)) != block) continue;
      const auto count = static_cast<int64_t>(shared.before[start - first]);
      to.bounds[r][b] = static_cast<int32_t>(min(count, to.capacity));
    }
    const int64_t stride = static_cast<int64_t>(blocks) * kSelectTokens;
    for (int64_t p = all + token; p < to.capacity; p += stride) to.tokens[r][p] = -1;
    __syncthreads();
  }
}

}  // namespace jnrf::cuda
