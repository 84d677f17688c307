// Layers with int8 weights, for prediction.
#include "core/namespace.h"

JNRF_OPERATORS(m) {
  // int8 weights [N, K] -> uint8, laid out as the kernels of this machine read them.
  m.def("int8_pack(Tensor weight) -> Tensor");
  // x float32 [T, K] through linear layers one after another; each has packed weights and columns
  // float32 [3, N]: the scale of an output's weights, their sum, the bias. Activations: 0 none,
  // 1 GELU, 2 CELU, between layers and, with activate_last, after the last one. Then the residual
  // [T, N] is added, and LayerNorm follows where its weight is given.
  m.def(
      "int8_layers(Tensor x, Tensor[] packed, Tensor[] columns, int activation=0, "
      "bool activate_last=False, Tensor? residual=None, Tensor? norm_weight=None, "
      "Tensor? norm_bias=None, float eps=1e-5) -> Tensor");
  // qkv float32 [W, L, 3, h, d], queries, keys and values of windows of which the first lengths
  // int32 [W] rows are real -> softmax(scale q k) v, float32 [W, L, h, d], the rest zeros.
  m.def("int8_attention(Tensor qkv, Tensor lengths, float scale) -> Tensor");
  // 0 baseline, 1 AVX2, 2 AVX-512, 3 AVX-VNNI, 4 AVX-512 VNNI, 5 AMX: which int8 kernels run here.
  m.def("int8_isa() -> int");
}
