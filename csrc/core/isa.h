// Which of the instruction sets that the CPU kernels were compiled for this machine can run.
#pragma once

namespace jnrf {

enum class Isa { kBaseline, kAvx2, kAvx512 };

// The best one, found once; the environment variable JNRF_CPU_ISA=baseline|avx2|avx512 lowers it
// (never raises it), for tests and for comparing.
Isa best_isa();

// The name of an instruction set, as the environment variable spells it.
const char* isa_name(Isa isa);

}  // namespace jnrf

// Picks the function `name` of the namespace compiled for this machine. The caller has declared it
// in each of jnrf::cpu::{baseline,avx2,avx512} (see JNRF_DECLARE_KERNELS).
#ifdef JNRF_X86
#define JNRF_DECLARE_KERNELS(...) \
  namespace jnrf::cpu::baseline { \
  __VA_ARGS__                     \
  }                               \
  namespace jnrf::cpu::avx2 {     \
  __VA_ARGS__                     \
  }                               \
  namespace jnrf::cpu::avx512 {   \
  __VA_ARGS__                     \
  }
#define JNRF_PICK_KERNEL(name)                                             \
  (::jnrf::best_isa() == ::jnrf::Isa::kAvx512 ? &::jnrf::cpu::avx512::name \
   : ::jnrf::best_isa() == ::jnrf::Isa::kAvx2 ? &::jnrf::cpu::avx2::name   \
                                              : &::jnrf::cpu::baseline::name)
#else
#define JNRF_DECLARE_KERNELS(...) \
  namespace jnrf::cpu::baseline { \
  __VA_ARGS__                     \
  }
#define JNRF_PICK_KERNEL(name) (&::jnrf::cpu::baseline::name)
#endif
