#include "fourier_mix/cuda/cufft/cufft.h"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace jnrf::cuda {
namespace {

void* open_library() {
  std::string errors;
  // As torch 2.11 and later have it, for CUDA 13 and 12. torch_cuda needs it, so that it is loaded.
  for (const char* name : {"libcufft.so.12", "libcufft.so.11"}) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    errors += std::string("; ") + dlerror();
  }
  throw std::runtime_error("jnrf: cuFFT, which transforms long documents, was not found" + errors);
}

template <typename F>
void find(void* library, const char* name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  if (!function) throw std::runtime_error(std::string("jnrf: cuFFT has no ") + name);
}

Cufft load() {
  void* library = open_library();
  Cufft found{};
  find(library, "cufftCreate", found.create);
  find(library, "cufftSetAutoAllocation", found.set_auto_allocation);
  find(library, "cufftMakePlanMany64", found.make_plan);
  find(library, "cufftSetWorkArea", found.set_work_area);
  find(library, "cufftSetStream", found.set_stream);
  find(library, "cufftExecC2C", found.exec_c2c);
  find(library, "cufftExecR2C", found.exec_r2c);
  find(library, "cufftExecD2Z", found.exec_d2z);
  find(library, "cufftDestroy", found.destroy);
  return found;
}

}  // namespace

const Cufft& cufft() {
  static const Cufft found = load();
  return found;
}

}  // namespace jnrf::cuda
