#include "int8/isa.h"

#include <cstdlib>
#include <cstring>

#include "core/isa.h"

#ifdef JNRF_X86
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace jnrf::cpu {
namespace {

#ifdef JNRF_X86
// The tiles of AMX are large, so that Linux gives them to a process only on request.
bool may_use_tiles() {
#ifdef __linux__
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

Int8Isa detect() {
  const char* given = std::getenv("JNRF_CPU_ISA");
  const char* wanted = given ? given : "";
  const auto is = [&](const char* name) { return std::strcmp(wanted, name) == 0; };
  const Isa vectors = best_isa();
  if (vectors == Isa::kBaseline) return Int8Isa::kBaseline;
  unsigned a = 0, b = 0, c = 0, d = 0, a1 = 0, b1 = 0, c1 = 0, d1 = 0;
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
  const bool avx512_vnni = c >> 11 & 1, amx = (d >> 24 & 1) && (d >> 25 & 1);
  const bool avx_vnni = a1 >> 4 & 1;
  if (vectors == Isa::kAvx2) {
    return avx_vnni && !is("avx2") ? Int8Isa::kAvxVnni : Int8Isa::kAvx2;
  }
  if (is("avxvnni") && avx_vnni) return Int8Isa::kAvxVnni;
  if (is("avx512") || !avx512_vnni) return Int8Isa::kAvx512;
  if (is("avx512vnni") || !amx || !may_use_tiles()) return Int8Isa::kAvx512Vnni;
  return Int8Isa::kAmx;
}
#else
Int8Isa detect() { return Int8Isa::kBaseline; }
#endif

}  // namespace

Int8Isa best_int8_isa() {
  static const Int8Isa isa = detect();
  return isa;
}

}  // namespace jnrf::cpu
