#include "int8/layers_kernel.h"

#include <math.h>

#include "int8/codes.h"

namespace jnrf::cpu::JNRF_ISA {
namespace {

// What is known of kPanel outputs; beyond the last one of a layer there are zeros.
struct PanelColumns {
  const float *scale, *offset, *bias;
  float own[3][kPanel];

  PanelColumns(const Int8Layer& layer, int64_t first)
      : scale(layer.scale + first), offset(layer.offset + first), bias(layer.bias + first) {
    const int64_t count = layer.out - first;
    if (count >= kPanel) return;
    const float** columns[3] = {&scale, &offset, &bias};
    for (int i = 0; i < 3; ++i) {
      for (int64_t c = 0; c < kPanel; ++c) own[i][c] = c < count ? (*columns[i])[c] : 0.0f;
      *columns[i] = own[i];
    }
  }
  PanelColumns(const PanelColumns&) = delete;
};

template <Activation kActivation>
void tile_epilogue(const int32_t* sums, int64_t rows, const RowScale* scales,
                   const PanelColumns& columns, float* to, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, sums += kPanel, to += stride) {
    const auto [low, step] = scales[r];
#pragma GCC unroll 4
    for (int c = 0; c < kPanel; c += kLanes) {
      const Floats total = __builtin_convertvector(load(sums + c), Floats);
      const Floats rest = load(columns.offset + c) * low + load(columns.bias + c);
      Floats y = total * (load(columns.scale + c) * step) + rest;
      if constexpr (kActivation == Activation::kGelu) y = gelu(y);
      if constexpr (kActivation == Activation::kCelu) y = celu(y);
      store(to + c, y);
    }
  }
}

// One layer for some rows; `to` has room for whole panels.
template <Activation kActivation>
void run_layer(const Int8Layer& layer, const Code* codes, const RowScale* scales, int64_t rows,
               int32_t* sums, float* to, int64_t stride) {
  const int64_t depth = padded(layer.in, kDepthUnit);
  const auto* panel = static_cast<const Weight*>(layer.weights);
  for (int64_t first = 0; first < layer.out; first += kPanel, panel += depth * kPanel) {
    const PanelColumns columns(layer, first);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      const int64_t count = rows - r < kTileRows ? rows - r : kTileRows;
      multiply(codes + r * depth, depth, count, panel, sums);
      tile_epilogue<kActivation>(sums, count, scales + r, columns, to + r * stride + first, stride);
    }
  }
}

// to = row + residual, normalised where there are weights.
void row_epilogue(const Int8Work& work, int64_t size, int64_t index, const float* row) {
  float* to = work.out + index * size;
  const float* residual = work.residual ? work.residual + index * size : nullptr;
  const int64_t full = size / kLanes * kLanes;
  Floats totals = {};
  float total = 0;
  for (int64_t i = 0; i < full; i += kLanes) {
    const Floats v = residual ? load(row + i) + load(residual + i) : load(row + i);
    totals += v;
    store(to + i, v);
  }
  for (int64_t i = full; i < size; ++i) {
    to[i] = residual ? row[i] + residual[i] : row[i];
    total += to[i];
  }
  if (!work.norm_weight) return;
  const float mean = (total + sum(totals)) / static_cast<float>(size);
  Floats squares = {};
  float square = 0;
  for (int64_t i = 0; i < full; i += kLanes) {
    const Floats centred = load(to + i) - mean;
    squares += centred * centred;
  }
  for (int64_t i = full; i < size; ++i) square += (to[i] - mean) * (to[i] - mean);
  const float variance = (square + sum(squares)) / static_cast<float>(size);
  const float rstd = 1.0f / ::sqrtf(variance + work.eps);
  for (int64_t i = 0; i < full; i += kLanes) {
    store(to + i,
          (load(to + i) - mean) * rstd * load(work.norm_weight + i) + load(work.norm_bias + i));
  }
  for (int64_t i = full; i < size; ++i) {
    to[i] = (to[i] - mean) * rstd * work.norm_weight[i] + work.norm_bias[i];
  }
}

// Where things lie in the scratch memory of a call, in bytes.
struct Places {
  int64_t scales, sums, codes, between, bytes;

  Places(const Int8Work& work, int64_t rows) {
    int64_t deepest = 0, widest = 0;
    for (int64_t i = 0; i < work.count; ++i) {
      const int64_t depth = padded(work.layers[i].in, kDepthUnit);
      const int64_t width = padded(work.layers[i].out, kPanel);
      deepest = depth > deepest ? depth : deepest;
      widest = width > widest ? width : widest;
    }
    const int64_t tiled = padded(rows, kTileRows);
    Cutter memory;
    scales = memory.take(tiled * sizeof(RowScale));
    sums = memory.take(int64_t{kTileRows} * kPanel * sizeof(int32_t));
    codes = memory.take(tiled * deepest * sizeof(Code));
    between = memory.take(rows * widest * sizeof(float));
    bytes = memory.bytes();
  }
};

}  // namespace

int64_t packed_bytes(int64_t in, int64_t out) {
  return padded(in, kDepthUnit) * padded(out, kPanel) * static_cast<int64_t>(sizeof(Weight));
}

void pack(const int8_t* q, int64_t in, int64_t out, void* packed) {
  const int64_t depth = padded(in, kDepthUnit);
  auto* to = static_cast<Weight*>(packed);
  for (int64_t first = 0; first < out; first += kPanel) {
    for (int64_t k = 0; k < depth; k += kStep) {
      for (int64_t n = first; n < first + kPanel; ++n) {
        for (int64_t i = k; i < k + kStep; ++i)
          *to++ = n < out && i < in ? q[n * in + i] : Weight{};
      }
    }
  }
}

int64_t block_rows() { return 64 / kTileRows * kTileRows; }

int64_t scratch_bytes(const Int8Work& work, int64_t rows) { return Places(work, rows).bytes; }

void run_layers(const Int8Work& work, int64_t first, int64_t last, void* scratch) {
  [[maybe_unused]] const Tiles tiles;
  const int64_t rows = last - first;
  const Places places(work, rows);
  auto* memory = static_cast<char*>(scratch);
  auto* scales = reinterpret_cast<RowScale*>(memory + places.scales);
  auto* sums = reinterpret_cast<int32_t*>(memory + places.sums);
  auto* codes = reinterpret_cast<Code*>(memory + places.codes);
  auto* between = reinterpret_cast<float*>(memory + places.between);
  const float* from = work.x + first * work.layers[0].in;
  int64_t from_stride = work.layers[0].in;
  for (int64_t i = 0; i < work.count; ++i) {
    const Int8Layer& layer = work.layers[i];
    const int64_t depth = padded(layer.in, kDepthUnit), width = padded(layer.out, kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      scales[r] = encode_row(from + r * from_stride, layer.in, depth, codes + r * depth);
    }
    const bool direct =
        i + 1 == work.count && width == layer.out && !work.residual && !work.norm_weight;
    float* to = direct ? work.out + first * width : between;
    const auto run = layer.activation == Activation::kGelu   ? run_layer<Activation::kGelu>
                     : layer.activation == Activation::kCelu ? run_layer<Activation::kCelu>
                                                             : run_layer<Activation::kNone>;
    run(layer, codes, scales, rows, sums, to, width);
    from = to;
    from_stride = width;
    if (direct) return;
  }
  const int64_t size = work.layers[work.count - 1].out;
  for (int64_t r = 0; r < rows; ++r) row_epilogue(work, size, first + r, between + r * from_stride);
}

}  // namespace jnrf::cpu::JNRF_ISA
