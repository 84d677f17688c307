// Which of the instruction sets that the int8 kernels were compiled for this machine can run.
//
// Products of bytes have instructions of their own, which came to processors apart from the vector
// lengths that core/isa.h tells apart.
#pragma once

namespace jnrf::cpu {

enum class Int8Isa { kBaseline, kAvx2, kAvx512, kAvxVnni, kAvx512Vnni, kAmx };

// The best one, found once. JNRF_CPU_ISA lowers it (never raises it): beside the names that
// core/isa.h knows, which stand for sets without products of bytes, it may be avxvnni or
// avx512vnni, which leave the other kernels as they are.
Int8Isa best_int8_isa();

}  // namespace jnrf::cpu

// Picks the function `name` of the namespace compiled for this machine. The caller has declared it
// with JNRF_DECLARE_INT8_KERNELS.
#ifdef JNRF_X86
#define JNRF_DECLARE_INT8_KERNELS(...) \
  namespace jnrf::cpu::baseline {      \
  __VA_ARGS__                          \
  }                                    \
  namespace jnrf::cpu::avx2 {          \
  __VA_ARGS__                          \
  }                                    \
  namespace jnrf::cpu::avx512 {        \
  __VA_ARGS__                          \
  }                                    \
  namespace jnrf::cpu::avxvnni {       \
  __VA_ARGS__                          \
  }                                    \
  namespace jnrf::cpu::avx512vnni {    \
  __VA_ARGS__                          \
  }                                    \
  namespace jnrf::cpu::amx {           \
  __VA_ARGS__                          \
  }
#define JNRF_PICK_INT8_KERNEL(name)                                                               \
  (::jnrf::cpu::best_int8_isa() == ::jnrf::cpu::Int8Isa::kAmx ? &::jnrf::cpu::amx::name           \
   : ::jnrf::cpu::best_int8_isa() == ::jnrf::cpu::Int8Isa::kAvx512Vnni                            \
       ? &::jnrf::cpu::avx512vnni::name                                                           \
   : ::jnrf::cpu::best_int8_isa() == ::jnrf::cpu::Int8Isa::kAvxVnni ? &::jnrf::cpu::avxvnni::name \
   : ::jnrf::cpu::best_int8_isa() == ::jnrf::cpu::Int8Isa::kAvx512  ? &::jnrf::cpu::avx512::name  \
   : ::jnrf::cpu::best_int8_isa() == ::jnrf::cpu::Int8Isa::kAvx2    ? &::jnrf::cpu::avx2::name    \
                                                                    : &::jnrf::cpu::baseline::name)
#else
#define JNRF_DECLARE_INT8_KERNELS(...) \
  namespace jnrf::cpu::baseline {      \
  __VA_ARGS__                          \
  }
#define JNRF_PICK_INT8_KERNEL(name) (&::jnrf::cpu::baseline::name)
#endif
