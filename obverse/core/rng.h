#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace obverse {

/// A random stream for one purpose. Streams of different (seed, purpose, rank) are independent; equal ones are equal.
/// Passed explicitly wherever randomness is used; `state` and `set_state` go into checkpoints.
class Rng {
 public:
  /// seed: any; purpose: what the stream is for ("initialisation", "data order", "latents"); rank: of the process.
  explicit Rng(uint64_t seed, std::string_view purpose = "", uint64_t rank = 0);

  at::Tensor normal(at::IntArrayRef shape);  // N(0, 1), float32
  /// n rows of N(0, 1), each as if drawn alone, together more even than independent ones: a lattice (Kronecker's
  /// sequence with the ratios of Roberts 2018), shifted at random. [n, dims] float32.
  at::Tensor even_normal(int64_t n, int64_t dims);
  at::Tensor uniform(at::IntArrayRef shape);                  // U[0, 1), float32
  at::Tensor integers(int64_t bound, at::IntArrayRef shape);  // 0 .. bound - 1, int64
  at::Tensor permutation(int64_t n);                          // of 0 .. n - 1, int64
  uint64_t bits();                                            // 64 random bits

  at::Tensor state() const;  // uint8, opaque
  void set_state(const at::Tensor& state);
  at::Generator& generator() { return generator_; }

 private:
  at::Generator generator_;
};

/// The standard normal latent of one seed, the same whatever batch it is drawn in. shape: of one latent; returns it.
at::Tensor seeded_normal(uint64_t seed, at::IntArrayRef shape);

}  // namespace obverse
