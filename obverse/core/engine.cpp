#include "obverse/core/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <thread>

namespace obverse {

void start_engine(int threads) {
  if (threads <= 0) {
    const char* wanted = std::getenv("OMP_NUM_THREADS");
    threads = wanted ? std::atoi(wanted) : static_cast<int>(std::thread::hardware_concurrency());
  }
  at::set_num_threads(std::max(1, threads));
#ifdef __GLIBC__
  // Activations come and go by megabytes: given back to the system, every page would be cleared anew each time.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
  // Numbers below 1e-38 become zero: moments of weights that no longer learn would end there, at a tenth of the speed.
  // The setting is one of each thread's own.
  at::globalContext().setFlushDenormal(true);
  at::parallel_for(0, at::get_num_threads(), 1, [](int64_t, int64_t) { at::globalContext().setFlushDenormal(true); });
}

bool processor_has_bfloat16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

double measure_blas_gflops() {
  constexpr int64_t kSize = 256;
  const at::Tensor a = at::ones({kSize, kSize});
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    at::mm(a, a);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2e-9 * kSize * kSize * kSize / seconds);
  }
  return best;
}

// Optimised libraries that can be told by a symbol of theirs, however busy the machine is.
static bool blas_is_known_fast() {
  for (const char* symbol : {"openblas_get_config", "MKL_Get_Version", "bli_info_get_version_str"})
    if (dlsym(RTLD_DEFAULT, symbol)) return true;
  return false;
}

std::string blas_warning() {
  if (blas_is_known_fast()) return {};
  const double gflops = measure_blas_gflops();
  if (gflops > 8) return {};
  return fmt::format(
      "matrix products run at {:.1f} GFLOP/s: this is the reference BLAS, tens of times too slow. "
      "Install libopenblas0-openmp, or choose it with update-alternatives --config libblas.so.3-x86_64-linux-gnu",
      gflops);
}

std::string engine_summary() {
  return fmt::format("LibTorch {}, {} threads, {}", TORCH_VERSION, at::get_num_threads(),
                     processor_has_bfloat16() ? "bfloat16 in hardware" : "float32 only");
}

}  // namespace obverse
