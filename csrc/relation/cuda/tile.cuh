// The scores of a tile of head x tail pairs, for every class, by one block.
#pragma once

#include "device/matrix_stage.cuh"
#include "device/vectors.cuh"
#include "relation/cuda/places.cuh"

namespace jnrf::cuda {

inline constexpr int kTileThreads = 256;
inline constexpr int kTileWarps = kTileThreads / 32;
inline constexpr int kWarpColumns = 4;  // warps side by side in a tile

template <typename T>
struct Relations {
  const T *u, *w;
  const int64_t *pos_u, *pos_w;
  const SumOf<T>*alpha, *beta, *gamma;
  int classes, size;
  bool aligned;  // granules of u and w are
  RelationPlan plan;
  SumOf<T>* kept;  // where scores are that shared memory has no room for, or null
};

__device__ __forceinline__ float exponential(float x) { return expf(x); }
__device__ __forceinline__ double exponential(double x) { return exp(x); }
__device__ __forceinline__ float logarithm(float x) { return logf(x); }
__device__ __forceinline__ double logarithm(double x) { return log(x); }

// A tile in shared memory: scores [classes][kTile][kTile], then the stages of the products, then
// positions. Once the scores are there the stages are free for other things. kKept: scores are in
// memory instead; known when it is compiled, so that the others are read as shared memory.
template <typename T, int kTile, bool kKept>
class Tile {
 public:
  using Sum = SumOf<T>;
  static constexpr int kDepth = 128 / static_cast<int>(sizeof(T));
  using Stage = DepthStage<T, kTile, kDepth, kTileThreads>;
  // A few more than the scores of a class, so that those of one pair are in different banks.
  static constexpr int kPlane = kTile * kTile + 4;
  static constexpr int kStageBytes = 4 * Stage::kBytes;  // two operands, twice
  static_assert(kStageBytes >= static_cast<int>(sizeof(int)) * kTile * kTile);
  static constexpr int kFixedBytes = kStageBytes + 2 * kTile * 8;

  __device__ explicit Tile(const Relations<T>& in) : in_(in) {
    auto* memory = dynamic_shared<unsigned char>();
    stages_ = reinterpret_cast<WordOf<T>*>(memory);
    positions_ = reinterpret_cast<double*>(memory + kStageBytes);
    if constexpr (kKept) {
      scores_ = in.kept + static_cast<int64_t>(blockIdx.x) * in.classes * kPlane;
    } else {
      scores_ = reinterpret_cast<Sum*>(memory + kFixedBytes);
    }
  }

  // The place of a pair's score within those of a class: columns are swapped around in groups of
  // eight, so that the eight rows that a warp's product writes at once are in different banks.
  __device__ static __forceinline__ int index(int i, int j) {
    constexpr int kGroups = kTile >= 32 ? 4 : 2;
    return i * kTile + (j ^ i % kGroups * 8);
  }
  __device__ __forceinline__ Sum& score(int r, int i, int j) const {
    return scores_[r * kPlane + index(i, j)];
  }

  // Memory of the block for other things, once the products are there.
  template <typename U>
  __device__ __forceinline__ U* free_memory() const {
    return reinterpret_cast<U*>(stages_);
  }

  __device__ __forceinline__ double distance(int i, int j) const {
    return positions_[i] - positions_[kTile + j];
  }

  // By the whole block, before what follows; ends with a barrier.
  __device__ __forceinline__ void load_positions(const TilePlace& place) {
    for (int k = static_cast<int>(threadIdx.x); k < 2 * kTile; k += kTileThreads) {
      const bool head = k < kTile;
      const int row = head ? k : k - kTile;
      double position = 0;
      if (row < (head ? place.heads : place.tails)) {
        position =
            static_cast<double>(head ? in_.pos_w[place.head + row] : in_.pos_u[place.tail + row]);
      }
      positions_[k] = position;
    }
    __syncthreads();
  }

  // The products of all classes; ends with a barrier.
  __device__ __forceinline__ void multiply_all(const TilePlace& place) {
    constexpr int kFragments = kTile / 32;  // of a warp, each way
    constexpr int kWords = Stage::kBytes / static_cast<int>(sizeof(WordOf<T>));
    const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
    const int m = warp / kWarpColumns * kFragments * 16, n = warp % kWarpColumns * kFragments * 8;
    const bool active = m < place.heads && n < place.tails;
    const int64_t row = static_cast<int64_t>(in_.classes) * in_.size;
    Source<T> heads{in_.w + place.head * row, row, place.heads, in_.size, in_.aligned};
    Source<T> tails{in_.u + place.tail * row, row, place.tails, in_.size, in_.aligned};
    typename Stage::Held held_heads, held_tails;
    const auto store = [&](int which) {
      Stage::store(held_heads, stages_ + 2 * which * kWords);
      Stage::store(held_tails, stages_ + (2 * which + 1) * kWords);
    };
    Stage::fetch(heads, 0, held_heads);
    Stage::fetch(tails, 0, held_tails);
    store(0);
    __syncthreads();
    int which = 0;
    for (int r = 0; r < in_.classes; ++r) {
      Sum d[kFragments][kFragments][4] = {};
      for (int k = 0; k < in_.size; k += kDepth) {
        // What comes next is on its way while this stage is multiplied.
        const bool last_of_class = k + kDepth >= in_.size;
        const bool last = last_of_class && r + 1 == in_.classes;
        if (last_of_class) {
          heads.data += in_.size;
          tails.data += in_.size;
        }
        if (!last) {
          const int next = last_of_class ? 0 : k + kDepth;
          Stage::fetch(heads, next, held_heads);
          Stage::fetch(tails, next, held_tails);
        }
        if (active) {
          multiply<Stage, Stage>(stages_ + 2 * which * kWords, stages_ + (2 * which + 1) * kWords,
                                 m, n, d);
        }
        which ^= 1;
        if (!last) store(which);
        if (last_of_class && active) {
          const int g = lane / 4, t = lane % 4;
#pragma unroll
          for (int i = 0; i < kFragments; ++i) {
#pragma unroll
            for (int j = 0; j < kFragments; ++j) {
#pragma unroll
              for (int x = 0; x < 4; ++x) {
                score(r, m + 16 * i + g + x / 2 * 8, n + 8 * j + 2 * t + x % 2) = d[i][j][x];
              }
            }
          }
        }
        __syncthreads();
      }
    }
  }

  // Pairs that a thread works on at the same time: a head with neighbouring tails, whose scores for
  // a class lie side by side too.
  static constexpr int kPairs = 4;
  using Numbers = Vector<Sum, kPairs>;
  struct Pairs {
    int i, j;             // pair x is (i, j + x)
    bool within[kPairs];  // else what is computed means nothing
    Sum* scores;          // class after class, kPlane apart

    __device__ __forceinline__ Numbers get(int r) const {
      return load<kPairs>(scores + r * kPlane);
    }
    __device__ __forceinline__ void set(int r, const Numbers& numbers) const {
      store(scores + r * kPlane, numbers);
    }
  };

  // Calls work(pairs) for all of this thread's pairs.
  template <typename F>
  __device__ __forceinline__ void for_pairs(const TilePlace& place, const F& work) const {
    constexpr int kAcross = kTile / kPairs;        // threads to a row
    constexpr int kRows = kTileThreads / kAcross;  // that the threads have at once
    static_assert(kTile % kRows == 0);
    const int thread = static_cast<int>(threadIdx.x);
    Pairs pairs;
    pairs.j = thread % kAcross * kPairs;
    for (pairs.i = thread / kAcross; pairs.i < kTile; pairs.i += kRows) {
#pragma unroll
      for (int x = 0; x < kPairs; ++x) {
        pairs.within[x] = pairs.i < place.heads && pairs.j + x < place.tails;
      }
      pairs.scores = scores_ + index(pairs.i, pairs.j);
      work(pairs);
    }
  }

  // Adds the polynomial of the distance to the scores of pairs.
  __device__ __forceinline__ void add_polynomial(const Pairs& pairs) const {
    Sum linear[kPairs], square[kPairs];
#pragma unroll
    for (int x = 0; x < kPairs; ++x) {
      const double by = distance(pairs.i, pairs.j + x);
      linear[x] = static_cast<Sum>(by);
      square[x] = static_cast<Sum>(by * by);
    }
    for (int r = 0; r < in_.classes; ++r) {
      const Sum alpha = in_.alpha[r], beta = in_.beta[r], gamma = in_.gamma[r];
      Numbers s = pairs.get(r);
#pragma unroll
      for (int x = 0; x < kPairs; ++x) {
        s.values[x] += alpha * square[x] + beta * linear[x] + gamma;
      }
      pairs.set(r, s);
    }
  }

  // For all scores within the tile, write(score, offset, read(score, offset)), `offset` being that
  // in the packed scores [pairs, classes]: neighbouring threads have neighbouring ones.
  template <typename Read, typename Write>
  __device__ __forceinline__ void for_packed(const TilePlace& place, const Read& read,
                                             const Write& write) const {
    constexpr int kAtOnce = 4;
    const RelationPlan& plan = in_.plan;
    const int b = place.document, classes = in_.classes, count = place.tails * classes;
    const int64_t tails = plan.cu_u[b + 1] - plan.cu_u[b];
    for (int i = static_cast<int>(threadIdx.x / 32); i < place.heads; i += kTileWarps) {
      const int64_t head = place.head - plan.cu_w[b] + i, tail = place.tail - plan.cu_u[b];
      const int64_t first = (plan.pairs[b] + head * tails + tail) * classes;
      for (int e = static_cast<int>(threadIdx.x % 32); e < count; e += 32 * kAtOnce) {
        Sum values[kAtOnce];
#pragma unroll
        for (int x = 0; x < kAtOnce; ++x) {
          const int at = e + 32 * x;
          if (at < count) values[x] = read(score(at % classes, i, at / classes), first + at);
        }
#pragma unroll
        for (int x = 0; x < kAtOnce; ++x) {
          const int at = e + 32 * x;
          if (at < count) write(score(at % classes, i, at / classes), first + at, values[x]);
        }
      }
    }
  }

  // What get(x, score) gives for pairs and a class, in place of the scores and in `to` [classes,
  // kTile, kTile], where the products for u and w read it.
  template <typename F>
  __device__ __forceinline__ void put_gradients(const Pairs& pairs, int r, T* to,
                                                const F& get) const {
    const Numbers numbers = pairs.get(r);
    Numbers g;
    Vector<T, kPairs> rounded;
#pragma unroll
    for (int x = 0; x < kPairs; ++x) {
      g.values[x] = get(x, numbers.values[x]);
      rounded.values[x] = static_cast<T>(g.values[x]);
    }
    pairs.set(r, g);
    store(to + (r * kTile + pairs.i) * kTile + pairs.j, rounded);
  }

  // Gradients in place of the scores: the sums of g d^2, g d and g over the tile, for each class,
  // to `sums` [3, classes]. Pairs that do not exist must hold 0.
  __device__ __forceinline__ void sum_coefficients(double* sums) const {
    const int lane = static_cast<int>(threadIdx.x % 32), classes = in_.classes;
    for (int r = static_cast<int>(threadIdx.x / 32); r < classes; r += kTileWarps) {
      double square = 0, linear = 0, constant = 0;
      for (int p = lane * kPairs; p < kTile * kTile; p += 32 * kPairs) {
        const int i = p / kTile, j = p % kTile;
        const Numbers numbers = load<kPairs>(&score(r, i, j));
#pragma unroll
        for (int x = 0; x < kPairs; ++x) {
          const double by = distance(i, j + x), g = static_cast<double>(numbers.values[x]);
          square += g * (by * by);
          linear += g * by;
          constant += g;
        }
      }
      square = warp_sum(square);
      linear = warp_sum(linear);
      constant = warp_sum(constant);
      if (lane == 0) {
        sums[r] = square;
        sums[classes + r] = linear;
        sums[2 * classes + r] = constant;
      }
    }
  }

 private:
  const Relations<T>& in_;
  WordOf<T>* stages_;
  double* positions_;  // of the heads, then of the tails
  Sum* scores_;
};

// What a launch over tiles does, one tile of [first, last) after another.
template <typename F>
__device__ __forceinline__ void for_tiles(const RelationPlan& plan, int first, int last,
                                          const F& work) {
  const int end = min(last, plan.tiles[plan.documents]);
  for (int tile = first + static_cast<int>(blockIdx.x); tile < end;
       tile += static_cast<int>(gridDim.x)) {
    work(tile, place_of(plan, tile));
    __syncthreads();  // shared memory is the next tile's
  }
}

}  // namespace jnrf::cuda
