#include "int8/attention_kernel.h"

#include "int8/codes.h"

namespace jnrf::cpu::JNRF_ISA {
namespace {

// What one head of one window works with; sizes are for the longest window.
struct Places {
  int64_t gathered, mean, key_weights, key_scale, key_offset, value_weights, value_scale;
  int64_t codes, sums, scores, high, low, factor, bytes;

  explicit Places(const Int8Attention& work) {
    const int64_t keys = padded(work.length, kPanel), size = padded(work.size, kPanel);
    const int64_t depth = padded(work.size, kDepthUnit), steps = padded(work.length, kDepthUnit);
    Cutter memory;
    gathered = memory.take(work.length * work.size * 4);
    mean = memory.take(work.size * 4);
    key_weights = memory.take(keys * depth * sizeof(Weight));
    key_scale = memory.take(keys * 4);
    key_offset = memory.take(keys * 4);
    value_weights = memory.take(size * steps * sizeof(Weight));
    value_scale = memory.take(size * 4);
    codes = memory.take(kTileRows * depth * sizeof(Code));
    sums = memory.take(2 * kTileRows * kPanel * 4);
    scores = memory.take(kTileRows * keys * 4);
    high = memory.take(kTileRows * padded(keys, kDepthUnit) * sizeof(Code));
    low = memory.take(kTileRows * padded(keys, kDepthUnit) * sizeof(Code));
    factor = memory.take(kTileRows * 4);
    bytes = memory.bytes();
  }
};

// One head of one window.
class Head {
 public:
  Head(const Int8Attention& work, const Places& places, int64_t index, char* memory)
      : work_(work),
        memory_(memory),
        places_(places),
        stride_(3 * work.heads * work.size),
        out_stride_(work.heads * work.size),
        depth_(padded(work.size, kDepthUnit)) {
    const int64_t window = index / work.heads, head = index % work.heads;
    query_ = work.qkv + window * work.length * stride_ + head * work.size;
    out_ = work.out + window * work.length * out_stride_ + head * work.size;
    count_ = work.lengths[window];
    keys_ = padded(count_, kPanel);
    steps_ = padded(count_, kDepthUnit);
  }

  void run() const {
    if (count_) {
      pack_keys();
      pack_values();
    }
    for (int64_t r = 0; r < count_; r += kTileRows) attend_rows(r);
    for (int64_t r = count_; r < work_.length; ++r) {
      std::memset(out_ + r * out_stride_, 0, work_.size * sizeof(float));
    }
  }

 private:
  template <typename T>
  T* at(int64_t place) const {
    return reinterpret_cast<T*>(memory_ + place);
  }

  // Copies keys or values together, as they lie pages apart; returns the copy.
  const float* gather(int64_t which) const {
    const float* from = query_ + which * out_stride_;
    auto* to = at<float>(places_.gathered);
    for (int64_t j = 0; j < count_; ++j) {
      for (int64_t i = 0; i < work_.size; i += kLanes) {
        store(to + j * work_.size + i, load(from + j * stride_ + i));
      }
    }
    return to;
  }

  void pack_keys() const {
    const float* keys = gather(1);
    auto* mean = at<float>(places_.mean);
    for (int64_t i = 0; i < work_.size; i += kLanes) {
      Floats total = {};
      for (int64_t j = 0; j < count_; ++j) total += load(keys + j * work_.size + i);
      store(mean + i, total * (1.0f / static_cast<float>(count_)));
    }
    auto* weights = at<Weight>(places_.key_weights);
    auto *scale = at<float>(places_.key_scale), *offset = at<float>(places_.key_offset);
    for (int64_t j = 0; j < keys_; ++j) {
      if (j >= count_) {  // what these columns hold is not used
        scale[j] = offset[j] = 0.0f;
        continue;
      }
      Weight* column = weights + j / kPanel * kPanel * depth_ + j % kPanel * kStep;
      const float* key = keys + j * work_.size;
      Floats most = {}, check = {};
      for (int64_t i = 0; i < work_.size; i += kLanes) {
        const Floats v = load(key + i) - load(mean + i);
        most = larger(most, larger(v, -v));
        check += v * 0.0f;
      }
      const float range = largest(most);
      const float factor = range > kSmallest ? 127.0f / range : 0.0f;
      Ints total = {};
      for (int64_t i = 0; i < depth_; i += kLanes) {
        Ints q = {};
        if (i < work_.size) q = rounded((load(key + i) - load(mean + i)) * factor);
        total += q;
        put_in_column(column + i * kPanel, q);
      }
      scale[j] = range * (1.0f / 127.0f) + sum(check);  // NaN where a key is not finite
      offset[j] = scale[j] * static_cast<float>(sum(total));
    }
  }

  // The weights of kLanes inputs of one output.
  static void put_in_column(Weight* to, Ints q) {
    typedef Weight Weights __attribute__((vector_size(kLanes * sizeof(Weight))));
    const Weights narrow = __builtin_convertvector(q, Weights);
    int32_t groups[kLanes / kStep];
    std::memcpy(groups, &narrow, sizeof groups);
    for (int g = 0; g < kLanes / kStep; ++g) {
      std::memcpy(to + g * kPanel * kStep, &groups[g], sizeof groups[g]);
    }
  }

  void pack_values() const {
    const float* values = gather(2);
    auto* scale = at<float>(places_.value_scale);
    auto* weights = at<Weight>(places_.value_weights);
    for (int64_t c = 0; c < padded(work_.size, kPanel); c += kLanes) {
      const bool real = c < work_.size;
      Floats most = {}, check = {};
      for (int64_t j = 0; real && j < count_; ++j) {
        const Floats v = load(values + j * work_.size + c);
        most = larger(most, larger(v, -v));
        check += v * 0.0f;
      }
      store(scale + c, most * (1.0f / 127.0f) + check);
      const Floats factor = most > kSmallest ? 127.0f / most : Floats{};
      Weight* to = weights + c / kPanel * kPanel * steps_ + c % kPanel * kStep;
      for (int64_t j = 0; j < steps_; j += kStep, to += kPanel * kStep) {
        // One lane of the group has the kStep weights of an output.
        constexpr int kBits = 32 / kStep;
        Ints group = {};
        for (int s = 0; s < kStep; ++s) {
          if (!real || j + s >= count_) break;
          const Ints q = rounded(load(values + (j + s) * work_.size + c) * factor);
          group |= (q & static_cast<int32_t>(~0u >> (32 - kBits))) << (kBits * s);
        }
        store(to, group);
      }
    }
  }

  // The queries first..first + kTileRows.
  void attend_rows(int64_t first) const {
    const int64_t rows = count_ - first < kTileRows ? count_ - first : kTileRows;
    score(first, rows);
    auto* factor = at<float>(places_.factor);
    for (int64_t r = 0; r < rows; ++r) factor[r] = encode_probabilities(r);
    auto* sums = at<int32_t>(places_.sums);
    int32_t* low_sums = sums + kTileRows * kPanel;
    const auto* scale = at<float>(places_.value_scale);
    const auto* panel = at<Weight>(places_.value_weights);
    for (int64_t c = 0; c < work_.size; c += kPanel, panel += kPanel * steps_) {
      multiply(at<Code>(places_.high), steps_, rows, panel, sums);
      multiply(at<Code>(places_.low), steps_, rows, panel, low_sums);
      for (int64_t r = 0; r < rows; ++r) {
        float* to = out_ + (first + r) * out_stride_ + c;
        for (int64_t i = 0; i < kPanel && c + i < work_.size; i += kLanes) {
          const Floats upper = __builtin_convertvector(load(sums + r * kPanel + i), Floats);
          const Floats lower = __builtin_convertvector(load(low_sums + r * kPanel + i), Floats);
          store(to + i, (upper * 256.0f + lower) * (load(scale + c + i) * factor[r]));
        }
      }
    }
  }

  // The scores of some queries with all keys, less what all of a query's have in common.
  void score(int64_t first, int64_t rows) const {
    auto* codes = at<Code>(places_.codes);
    auto* sums = at<int32_t>(places_.sums);
    RowScale scales[kTileRows];
    for (int64_t r = 0; r < rows; ++r) {
      scales[r] =
          encode_row(query_ + (first + r) * stride_, work_.size, depth_, codes + r * depth_);
      // Scores are exponents of 2.
      scales[r].low *= work_.scale * 1.44269504f;
      scales[r].step *= work_.scale * 1.44269504f;
    }
    const auto *scale = at<float>(places_.key_scale), *offset = at<float>(places_.key_offset);
    const auto* panel = at<Weight>(places_.key_weights);
    for (int64_t j = 0; j < keys_; j += kPanel, panel += kPanel * depth_) {
      multiply(codes, depth_, rows, panel, sums);
      for (int64_t r = 0; r < rows; ++r) {
        float* to = at<float>(places_.scores) + r * keys_ + j;
#pragma GCC unroll 4
        for (int c = 0; c < kPanel; c += kLanes) {
          const Floats total = __builtin_convertvector(load(sums + r * kPanel + c), Floats);
          store(to + c, total * (load(scale + j + c) * scales[r].step) +
                            load(offset + j + c) * scales[r].low);
        }
      }
    }
  }

  // The codes of a row's probabilities, over the largest of them; returns 1 / their sum.
  float encode_probabilities(int64_t row) const {
    float* scores = at<float>(places_.scores) + row * keys_;
    for (int64_t j = count_; j < keys_; ++j) scores[j] = -kLargest;
    Floats most = load(scores), check = most * 0.0f;  // NaN where a score is not finite
    for (int64_t j = kLanes; j < keys_; j += kLanes) {
      most = larger(load(scores + j), most);
      check += load(scores + j) * 0.0f;
    }
    const float top = largest(most);
    Code *high = at<Code>(places_.high) + row * steps_, *low = at<Code>(places_.low) + row * steps_;
    Ints total = {};
    for (int64_t j = 0; j < steps_; j += kLanes) {
      Ints code = {};
      if (j < keys_) {
        code = rounded(codes_of_power(load(scores + j) - top));
      }
      total += code;
      put(high, j, code >> 8);
      put(low, j, code & 255);
    }
    return 1.0f / static_cast<float>(sum(total)) + sum(check);
  }

  // kLanes codes of a row of which there are `steps_`.
  void put(Code* row, int64_t place, Ints codes) const {
    if (place + kLanes <= steps_) {
      store_codes(row + place, codes);
    } else {
      for (int64_t l = 0; place + l < steps_; ++l) row[place + l] = static_cast<Code>(codes[l]);
    }
  }

  const Int8Attention& work_;
  char* memory_;
  const Places& places_;
  const float* query_;
  float* out_;
  int64_t stride_, out_stride_;
  int64_t depth_;  // of products of queries and keys
  int64_t count_;  // queries, keys and values
  int64_t keys_;   // keys, to whole panels
  int64_t steps_;  // values, to whole steps of products
};

}  // namespace

int64_t attention_scratch_bytes(const Int8Attention& work) { return Places(work).bytes; }

void attend(const Int8Attention& work, int64_t first, int64_t last, void* scratch) {
  [[maybe_unused]] const Tiles tiles;
  const Places places(work);
  for (int64_t i = first; i < last; ++i) Head(work, places, i, static_cast<char*>(scratch)).run();
}

}  // namespace jnrf::cpu::JNRF_ISA
