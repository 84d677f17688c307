#include "core/isa.h"

#include <cstdlib>
#include <cstring>

namespace jnrf {
namespace {

Isa detect() {
#ifdef JNRF_X86
  __builtin_cpu_init();
  Isa best = Isa::kBaseline;
  if (__builtin_cpu_supports("x86-64-v3")) best = Isa::kAvx2;
  if (__builtin_cpu_supports("x86-64-v4")) best = Isa::kAvx512;
  if (const char* wanted = std::getenv("JNRF_CPU_ISA")) {
    if (std::strcmp(wanted, "baseline") == 0) return Isa::kBaseline;
    if (std::strcmp(wanted, "avx2") == 0 && best == Isa::kAvx512) return Isa::kAvx2;
  }
  return best;
#else
  return Isa::kBaseline;
#endif
}

}  // namespace

Isa best_isa() {
  static const Isa isa = detect();
  return isa;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    default:
      return "baseline";
  }
}

}  // namespace jnrf
