// Rates of parts of the library for bench/compare.py, one JSON line each.
// usage: rates peak | rates products | rates sample MODEL BATCH SECONDS PRECISION | rates data SOURCE BATCH
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "obverse/core/autograd.h"
#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/data/batches.h"
#include "obverse/games/recipe.h"
#include "obverse/layers/convolution_products.h"

namespace obverse {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Calls of f a second, the best of five spells.
template <class F>
double best_rate(const F& f) {
  for (int i = 0; i < 3; ++i) f();
  double best = 0;
  for (int spell = 0; spell < 5; ++spell) {
    const double start = now();
    int calls = 0;
    while (now() - start < 0.3) f(), ++calls;
    best = std::max(best, calls / (now() - start));
  }
  return best;
}

// What the processor gives at most: a large matrix product, and a convolution of DCGAN-64's middle.
void peak() {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const char* name = type == at::kFloat ? "float32" : "bfloat16";
    constexpr int64_t kSize = 2048;
    const at::Tensor a = at::randn({kSize, kSize}).to(type);
    const double product = 2e-9 * kSize * kSize * kSize * best_rate([&] { at::mm(a, a); });
    const at::Tensor x = at::randn({64, 128, 16, 16}).to(type).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor w = at::randn({256, 128, 4, 4}).to(type).contiguous(at::MemoryFormat::ChannelsLast);
    const double convolution = 2e-9 * 64 * 256 * 64 * 128 * 16 * best_rate([&] { at::conv2d(x, w, {}, 2, 1); });
    fmt::print(
        "{{\"precision\": \"{}\", \"threads\": {}, \"product_gflops\": {:.0f}, \"convolution_gflops\": {:.0f}}}\n",
        name, at::get_num_threads(), product, convolution);
  }
}

// Milliseconds of the three products of DCGAN-64's strided convolutions in bfloat16, batch 64.
void products() {
  for (const int64_t size : {32, 16, 8}) {
    const int64_t inputs = 2048 / size, outputs = 2 * inputs;
    const Strides s{2, 1, 1};
    const auto draw = [](at::IntArrayRef shape) { return at::randn(shape).contiguous(at::MemoryFormat::ChannelsLast); };
    const at::Tensor x = draw({64, inputs, size, size}).to(at::kBFloat16);
    const at::Tensor slope = draw({64, outputs, size / 2, size / 2}).to(at::kBFloat16);
    const at::Tensor weight = draw({outputs, inputs, 4, 4});
    WeightCopies copies;
    fmt::print(
        "{{\"inputs\": {}, \"outputs\": {}, \"size\": {}, \"product_ms\": {:.2f}, \"input_slope_ms\": {:.2f}, "
        "\"weight_slope_ms\": {:.2f}}}\n",
        inputs, outputs, size, 1e3 / best_rate([&] { convolution_product(x, weight, {}, s, &copies); }),
        1e3 / best_rate([&] { convolution_input_slope(slope, weight, size, size, s, &copies); }),
        1e3 / best_rate([&] { convolution_weight_slope(slope, x, weight, s); }));
  }
}

void sample_rate(const std::string& path, int64_t batch, double seconds, const std::string& precision) {
  LoadedModel loaded = load_model(path, choose_placement(precision));
  LatentModel& model = *loaded.model;
  Rng rng(0);
  std::vector<int64_t> shape = model.spaces()[0].shape;
  shape.insert(shape.begin(), batch);
  std::vector<double> times;
  double sum = 0;
  const double start = now();
  while (now() - start < seconds + 1) {
    const double begin = now();
    without_grad([&] { return model.decode(rng.normal(shape), {}); });
    if (begin - start < 1) continue;  // warming up
    times.push_back(now() - begin);
    sum += times.back();
  }
  std::sort(times.begin(), times.end());
  fmt::print("{{\"images_per_second\": {:.2f}, \"median_ms\": {:.4f}, \"p99_ms\": {:.4f}, \"peak_mib\": {:.0f}}}\n",
             static_cast<double>(batch) * static_cast<double>(times.size()) / sum, 1e3 * times[times.size() / 2],
             1e3 * times[times.size() * 99 / 100], peak_mib());
}

void data_rate(const std::string& source, int64_t batch) {
  const double start = now();
  DataOptions options;
  options.source = source;
  const auto data = std::make_shared<const Dataset>(load_dataset(options, "train"));
  const double opened = now();
  BatchStream stream(data, batch, Rng(0));
  const int64_t batches = data->size() / batch;
  const auto pass = [&] {
    for (int64_t i = 0; i < batches; ++i) stream.next();
    return now();
  };
  const auto seen = static_cast<double>(batches * batch);
  const double first = pass(), second = pass();
  fmt::print("{{\"first\": {:.1f}, \"later\": {:.1f}, \"opening_seconds\": {:.3f}}}\n", seen / (first - start),
             seen / (second - first), opened - start);
}

void run(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "peak")
    peak();
  else if (words.size() == 1 && words[0] == "products")
    products();
  else if (words.size() == 5 && words[0] == "sample")
    sample_rate(words[1], std::stoll(words[2]), std::stod(words[3]), words[4]);
  else if (words.size() == 3 && words[0] == "data")
    data_rate(words[1], std::stoll(words[2]));
  else
    fail("usage: rates peak | rates products | rates sample MODEL BATCH SECONDS PRECISION | rates data SOURCE BATCH");
}

}  // namespace
}  // namespace obverse

int main(int argc, char** argv) {
  try {
    obverse::start_engine();
    obverse::run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rates: {}\n", error.what());
    return 2;
  }
}
