#include "relation/cpu/kernel.h"

#include "simd/lane_math.h"
#include "simd/matrix_tile.h"

namespace jnrf::cpu::JNRF_ISA {
namespace {

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The scores of class r, head i, first tail of a panel.
template <typename T>
inline T* score_row(const RelationTile<T>& tile, int64_t r, int64_t i, int64_t column) {
  return tile.scores + (r * tile.heads + i) * tile.step + column;
}

template <typename T>
void scores(const RelationTile<T>& tile, int64_t column, int64_t row_begin, int64_t row_end) {
  constexpr int kWidth = kPanel<T>;
  alignas(64) T panel[kDepth * kWidth];
  const int64_t row_step = tile.classes * tile.size;
  for (int64_t r = 0; r < tile.classes; ++r) {
    const T* w = tile.w + r * tile.size;
    const T* u = tile.u + column * row_step + r * tile.size;
    for (int64_t k = 0; k < tile.size; k += kDepth) {
      const int64_t depth = smaller(kDepth, tile.size - k);
      pack_columns(u + k, row_step, depth, tile.tails - column, panel);
      for (int64_t i = row_begin; i < row_end; i += kRows) {
        multiply_some<kRows, T>(smaller(kRows, row_end - i), w + i * row_step + k, row_step, 1,
                                panel, depth, score_row(tile, r, i, column), tile.step, k > 0);
      }
    }
    const double* pos_u = tile.pos_u + column;
    const T alpha = tile.alpha[r], beta = tile.beta[r], gamma = tile.gamma[r];
    for (int64_t i = row_begin; i < row_end; ++i) {
      T* s = score_row(tile, r, i, column);
      const double pos_w = tile.pos_w[i];
      for (int j = 0; j < kWidth; ++j) {
        const double d = pos_w - pos_u[j];
        s[j] += alpha * static_cast<T>(d * d) + beta * static_cast<T>(d) + gamma;
      }
    }
  }
}

// The class of each pair of a head with the tails of a panel, and its weight.
template <typename T>
inline void fill_targets(const RelationTargets<T>& targets, int64_t i, int64_t first_tail, T* label,
                         T* weight) {
  constexpr int kWidth = kPanel<T>;
  const T* weights = targets.class_weight;
  for (int j = 0; j < kWidth; ++j) {
    label[j] = static_cast<T>(targets.none_class);
    weight[j] = weights ? weights[targets.none_class] : T(1);
  }
  int64_t low = targets.begin[i];
  const int64_t end = targets.begin[i + 1];
  for (int64_t high = end; low < high;) {
    const int64_t middle = (low + high) / 2;
    if (targets.pairs[middle].tail < first_tail) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // A later listing of the same pair overwrites an earlier one.
  for (; low < end && targets.pairs[low].tail < first_tail + kWidth; ++low) {
    const ListedPair& pair = targets.pairs[low];
    label[pair.tail - first_tail] = static_cast<T>(pair.label);
    weight[pair.tail - first_tail] = weights ? weights[pair.label] : T(1);
  }
}

template <typename T>
void loss(const RelationTile<T>& tile, const RelationTargets<T>& targets, int64_t column,
          int64_t row_begin, int64_t row_end, bool gradient, double* loss, int64_t stride) {
  constexpr int kWidth = kPanel<T>;
  const int64_t valid = smaller(kWidth, tile.tails - column);
  for (int64_t block = row_begin; block < row_end; block += kRows, loss += stride) {
    double total[kWidth] = {};
    for (int64_t i = block; i < smaller(block + kRows, row_end); ++i) {
      alignas(64) T label[kWidth], weight[kWidth], top[kWidth], sum[kWidth], gold[kWidth];
      fill_targets(targets, i, targets.first_tail + column, label, weight);
      const T* first = score_row(tile, 0, i, column);
      for (int j = 0; j < kWidth; ++j) {
        top[j] = first[j];
        sum[j] = gold[j] = 0;
      }
      for (int64_t r = 1; r < tile.classes; ++r) {
        const T* s = score_row(tile, r, i, column);
        for (int j = 0; j < kWidth; ++j) top[j] = s[j] > top[j] ? s[j] : top[j];
      }
      for (int64_t r = 0; r < tile.classes; ++r) {
        T* s = score_row(tile, r, i, column);
        const T is = static_cast<T>(r);
        for (int j = 0; j < kWidth; ++j) {
          gold[j] = label[j] == is ? s[j] : gold[j];
          s[j] = exp_lane(s[j] - top[j]);
          sum[j] += s[j];
        }
      }
      for (int j = 0; j < kWidth; ++j) {
        total[j] += weight[j] * (top[j] - gold[j] + log_lane(sum[j]));
        sum[j] = weight[j] / sum[j];
      }
      if (!gradient) continue;
      for (int64_t r = 0; r < tile.classes; ++r) {
        T* s = score_row(tile, r, i, column);
        const T is = static_cast<T>(r);
        for (int j = 0; j < kWidth; ++j) {
          s[j] = s[j] * sum[j] - (label[j] == is ? weight[j] : T(0));
        }
      }
    }
    *loss = 0;
    for (int64_t j = 0; j < valid; ++j) *loss += total[j];
  }
}

template <typename T>
void coefficients(const RelationTile<T>& tile, int64_t column, int64_t row_begin, int64_t row_end,
                  double* sums, int64_t stride) {
  constexpr int kWidth = kPanel<T>;
  const int64_t valid = smaller(kWidth, tile.tails - column);
  const double* pos_u = tile.pos_u + column;
  for (int64_t block = row_begin; block < row_end; block += kRows, sums += stride) {
    for (int64_t r = 0; r < tile.classes; ++r) {
      double square[kWidth] = {}, linear[kWidth] = {}, constant[kWidth] = {};
      for (int64_t i = block; i < smaller(block + kRows, row_end); ++i) {
        const T* s = score_row(tile, r, i, column);
        const double pos_w = tile.pos_w[i];
        for (int j = 0; j < kWidth; ++j) {
          const double d = pos_w - pos_u[j], g = s[j];
          square[j] += g * (d * d);
          linear[j] += g * d;
          constant[j] += g;
        }
      }
      double a = 0, b = 0, c = 0;
      for (int64_t j = 0; j < valid; ++j) {
        a += square[j];
        b += linear[j];
        c += constant[j];
      }
      sums[r] = a;
      sums[tile.classes + r] = b;
      sums[2 * tile.classes + r] = c;
    }
  }
}

// grad[row, r, d] (+)= sum over k of a[row, k] * other[k, r, d], one class and a range of d.
template <typename T>
void accumulate(const T* a, int64_t row_step, int64_t k_step, int64_t rows, const T* other,
                int64_t depth, int64_t other_step, int64_t width, bool add, T* grad) {
  constexpr int kWidth = kPanel<T>;
  alignas(64) T panel[kDepth * kWidth];
  alignas(64) T edge[kRows * kWidth];
  for (int64_t d = 0; d < width; d += kWidth) {
    const int64_t columns = smaller(kWidth, width - d);
    for (int64_t k = 0; k < depth; k += kDepth) {
      const int64_t part = smaller(kDepth, depth - k);
      const bool keep = add || k > 0;
      pack_rows(other + k * other_step + d, other_step, part, columns, panel);
      for (int64_t i = 0; i < rows; i += kRows) {
        const int64_t count = smaller(kRows, rows - i);
        const T* from = a + i * row_step + k * k_step;
        T* to = grad + i * other_step + d;
        if (columns == kWidth) {
          multiply_some<kRows, T>(count, from, row_step, k_step, panel, part, to, other_step, keep);
          continue;
        }
        // The last columns are too few for whole vectors: through a buffer.
        multiply_some<kRows, T>(count, from, row_step, k_step, panel, part, edge, kWidth, false);
        for (int64_t m = 0; m < count; ++m) {
          for (int64_t c = 0; c < columns; ++c) {
            T& target = to[m * other_step + c];
            target = (keep ? target : T(0)) + edge[m * kWidth + c];
          }
        }
      }
    }
  }
}

template <typename T>
void grad_w(const RelationTile<T>& tile, int64_t r, int64_t d_begin, int64_t d_end, bool add,
            T* grad) {
  const int64_t offset = r * tile.size + d_begin;
  accumulate(score_row(tile, r, 0, 0), tile.step, 1, tile.heads, tile.u + offset, tile.tails,
             tile.classes * tile.size, d_end - d_begin, add, grad + offset);
}

template <typename T>
void grad_u(const RelationTile<T>& tile, int64_t r, int64_t d_begin, int64_t d_end, bool add,
            T* grad) {
  const int64_t offset = r * tile.size + d_begin;
  accumulate(score_row(tile, r, 0, 0), 1, tile.step, tile.tails, tile.w + offset, tile.heads,
             tile.classes * tile.size, d_end - d_begin, add, grad + offset);
}

template <typename T>
void forbid(const RelationTile<T>& tile, const DecodeRule<T>& rule, int64_t i, int64_t column) {
  const int64_t valid = smaller(kPanel<T>, tile.tails - column);
  const bool* by_tail = rule.allowed + rule.type_w[i] * rule.types * tile.classes;
  for (int64_t j = 0; j < valid; ++j) {
    const bool* allowed = by_tail + rule.type_u[column + j] * tile.classes;
    for (int64_t r = 0; r < tile.classes; ++r) {
      if (r != rule.none_class && !allowed[r]) *(score_row(tile, r, i, column) + j) = -INFINITY;
    }
  }
}

template <typename T>
void decode(const RelationTile<T>& tile, const DecodeRule<T>& rule, int64_t column,
            int64_t row_begin, int64_t row_end, int32_t* best) {
  constexpr int kWidth = kPanel<T>;
  for (int64_t i = row_begin; i < row_end; ++i) {
    if (rule.allowed) forbid(tile, rule, i, column);
    alignas(64) T top[kWidth], label[kWidth], sum[kWidth];
    T* none = score_row(tile, rule.none_class, i, column);
    for (int j = 0; j < kWidth; ++j) {
      none[j] += rule.none_bias;
      top[j] = none[j];
      label[j] = static_cast<T>(rule.none_class);
      sum[j] = 0;
    }
    for (int64_t r = 0; r < tile.classes; ++r) {
      const T* s = score_row(tile, r, i, column);
      for (int j = 0; j < kWidth; ++j) {
        const bool better = s[j] > top[j];
        top[j] = better ? s[j] : top[j];
        label[j] = better ? static_cast<T>(r) : label[j];
      }
    }
    for (int64_t r = 0; r < tile.classes; ++r) {
      const T* s = score_row(tile, r, i, column);
      for (int j = 0; j < kWidth; ++j) sum[j] += exp_lane(s[j] - top[j]);
    }
    // The sum is not a number as soon as one of the scores, or the difference of two, is not.
    T* probability = score_row(tile, 0, i, column);
    int32_t* to = best + i * tile.step + column;
    for (int j = 0; j < kWidth; ++j) {
      probability[j] = T(1) / sum[j];
      const T found = sum[j] == sum[j] ? label[j] : static_cast<T>(rule.none_class);
      to[j] = static_cast<int32_t>(found);
    }
  }
}

template <typename T>
constexpr RelationKernels<T> table() {
  return {kPanel<T>,        kRows,      &scores<T>, &loss<T>,
          &coefficients<T>, &grad_w<T>, &grad_u<T>, &decode<T>};
}

}  // namespace

extern const RelationKernels<float> relation_kernels_float = table<float>();
extern const RelationKernels<double> relation_kernels_double = table<double>();

}  // namespace jnrf::cpu::JNRF_ISA
