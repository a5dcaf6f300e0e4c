#include "obverse/core/rng.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

namespace obverse {

// SplitMix64 (Steele 2014): every bit of the state changes every bit of the result.
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

static uint64_t derive(uint64_t seed, std::string_view purpose, uint64_t rank) {
  uint64_t state = mix(seed);
  for (const char c : purpose) state = mix(state ^ static_cast<unsigned char>(c));
  return mix(state ^ mix(rank));
}

Rng::Rng(uint64_t seed, std::string_view purpose, uint64_t rank)
    : generator_(at::make_generator<at::CPUGeneratorImpl>(derive(seed, purpose, rank))) {}

at::Tensor Rng::normal(at::IntArrayRef shape) { return at::randn(shape, generator_); }
at::Tensor Rng::even_normal(int64_t n, int64_t dims) {
  double g = 1;  // the root of g^(dims + 1) = g + 1
  for (int i = 0; i < 64; ++i) g = std::pow(1 + g, 1 / (static_cast<double>(dims) + 1));
  const at::Tensor shift = uniform({dims}), result = at::empty({n, dims}, at::kDouble);
  auto* u = result.data_ptr<double>();
  for (int64_t j = 0; j < dims; ++j) {
    const double start = shift.data_ptr<float>()[j], step = std::pow(g, -static_cast<double>(j + 1));
    for (int64_t i = 0; i < n; ++i) {
      const double at = start + static_cast<double>(i) * step;
      u[i * dims + j] = std::clamp(at - std::floor(at), 1e-8, 1 - 1e-8);
    }
  }
  return at::special_ndtri(result).to(at::kFloat);
}
at::Tensor Rng::uniform(at::IntArrayRef shape) { return at::rand(shape, generator_); }
at::Tensor Rng::integers(int64_t bound, at::IntArrayRef shape) {
  return at::randint(bound, shape, generator_, at::kLong);
}
at::Tensor Rng::permutation(int64_t n) { return at::randperm(n, generator_, at::kLong); }

uint64_t Rng::bits() {
  std::lock_guard<std::mutex> lock(generator_.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator_)->random64();
}

at::Tensor Rng::state() const { return generator_.get_state(); }
void Rng::set_state(const at::Tensor& state) { generator_.set_state(state); }

at::Tensor seeded_normal(uint64_t seed, at::IntArrayRef shape) { return Rng(seed, "latent").normal(shape); }

}  // namespace obverse
