#include "obverse/core/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>
#include <torch/csrc/api/include/torch/version.h>
#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
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

uint64_t memory_size() {
#if defined(__linux__)
  uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t allowed = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> allowed) bytes = std::min(bytes, allowed);  // "max": no number
  return bytes;
#else
  return 0;
#endif
}

void limit_memory() {
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)  // its shadow is larger than any memory
  rlimit limit;
  const uint64_t bytes = memory_size();
  if (bytes == 0 || getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur <= bytes) return;
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_DATA, &limit);
#endif
}

bool processor_has_bfloat16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

static bool ask_for_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  const char* wanted = std::getenv("OBVERSE_TILES");
  if (wanted && std::string(wanted) == "0") return false;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool has_bfloat16 = d & (1U << 22), has_tiles = d & (1U << 24);
  if (!has_bfloat16 || !has_tiles || !processor_has_bfloat16() || !__builtin_cpu_supports("avx512bw")) return false;
  constexpr int kAskPermission = 0x1023, kTileData = 18;  // arch_prctl: the kernel saves the units' state from now on
  return syscall(SYS_arch_prctl, kAskPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool processor_has_tiles() {
  static const bool available = ask_for_tiles();
  return available;
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

// Optimised libraries that can be told by a symbol of theirs, however busy the machine is; empty: another.
static std::string known_fast_blas() {
  for (const auto& [symbol, name] : {std::pair("openblas_get_config", "OpenBLAS"), std::pair("MKL_Get_Version", "MKL"),
                                     std::pair("bli_info_get_version_str", "BLIS")})
    if (dlsym(RTLD_DEFAULT, symbol)) return name;
  return {};
}

std::string blas_warning() {
  if (!known_fast_blas().empty()) return {};
  const double gflops = measure_blas_gflops();
  if (gflops > 8) return {};
  return fmt::format(
      "matrix products run at {:.1f} GFLOP/s: this is the reference BLAS, tens of times too slow. "
      "Install libopenblas0-openmp, or choose it with update-alternatives --config libblas.so.3-x86_64-linux-gnu",
      gflops);
}

std::string engine_summary() {
  const char* kernels = processor_has_tiles()      ? "bfloat16 on matrix units (AMX)"
                        : processor_has_bfloat16() ? "bfloat16 on vector units (AVX512-BF16)"
                                                   : "float32, no bfloat16 in hardware";
  const std::string blas = known_fast_blas();
  return fmt::format("LibTorch {}, {} threads, {}, {}", TORCH_VERSION, at::get_num_threads(), kernels,
                     blas.empty() ? "an unknown BLAS" : blas);
}

}  // namespace obverse
