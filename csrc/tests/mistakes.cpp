// Kernels with a mistake that a sanitizer must find: `mistakes bounds` under AddressSanitizer,
// `mistakes barrier` under ThreadSanitizer. CMakeLists.txt says what they must print.
#include <string>
#include <vector>

#include "device/launch.h"

namespace {

using namespace jnrf::cuda;

void reads_past_the_end(const float* from, float* to) { to[threadIdx.x] = from[threadIdx.x + 1]; }

void reads_past_shared_memory(float* to) {
  const float* row = dynamic_shared<float>();
  to[threadIdx.x] = row[threadIdx.x + 1];
}

void has_no_barrier(float* to) {
  float* row = dynamic_shared<float>();
  row[threadIdx.x] = 1.0f;
  to[threadIdx.x] = row[63 - threadIdx.x];
}

}  // namespace

int main(int count, char** words) {
  const std::string mistake = count > 1 ? words[1] : "";
  std::vector<float> from(64), to(64);
  const float* source = from.data();
  float* target = to.data();
  if (mistake == "bounds") {
    launch("reads_past_the_end", reads_past_the_end, Grid{1}, 64, 0, nullptr, source, target);
  } else if (mistake == "shared bounds") {
    launch("reads_past_shared_memory", reads_past_shared_memory, Grid{1}, 64, 256, nullptr, target);
  } else if (mistake == "barrier") {
    launch("has_no_barrier", has_no_barrier, Grid{1}, 64, 256, nullptr, target);
  }
  return 0;
}
