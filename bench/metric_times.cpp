// Times metrics on features of a file: metric_times FEATURES.npz METRIC, with arrays real and fake [N, F] and METRIC
// one of fid, pr, dc. Prints seconds, the values and the process's peak memory as JSON.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>

#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/io/npz.h"
#include "obverse/metrics/frechet.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

std::vector<double> measure(const std::string& metric, const at::Tensor& real, const at::Tensor& fake) {
  if (metric == "fid") {
    Moments a, b;
    for (const at::Tensor& part : real.split(5000)) a.add(part);
    for (const at::Tensor& part : fake.split(5000)) b.add(part);
    return {frechet_distance(a, b)};
  }
  if (metric == "pr") {
    const PrecisionRecall pr = precision_recall(real, fake);
    return {pr.precision, pr.recall};
  }
  if (metric == "dc") {
    const DensityCoverage dc = density_coverage(real, fake);
    return {dc.density, dc.coverage};
  }
  fail("unknown metric '{}': use fid, pr or dc", metric);
}

void run(const std::string& path, const std::string& metric) {
  const NamedTensors arrays = read_npz(path);
  const at::Tensor real = find_tensor(arrays, "real", path), fake = find_tensor(arrays, "fake", path);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<double> values = measure(metric, real, fake);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{{\"seconds\": {:.3f}, \"peak_mib\": {}, \"values\": [{:.12g}", seconds, usage.ru_maxrss / 1024,
             values[0]);
  for (size_t i = 1; i < values.size(); ++i) fmt::print(", {:.12g}", values[i]);
  fmt::print("]}}\n");
}

}  // namespace
}  // namespace obverse

int main(int argc, char** argv) {
  try {
    obverse::start_engine();
    if (argc != 3) obverse::fail("usage: metric_times FEATURES.npz fid|pr|dc");
    obverse::run(argv[1], argv[2]);
    return 0;
  } catch (const obverse::UserError& error) {
    fmt::print(stderr, "metric_times: {}\n", error.what());
    return 2;
  }
}
