#include "obverse/apps/bit_planes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

BitShare as_share(double ones, double all, double expected) {
  const double share = (ones + expected * 2) / (all + 2);  // two made-up cases of what is expected
  return static_cast<BitShare>(std::clamp(std::lround(share * 65536), 16l, 65520l));
}

// Lets every decision pass, and nothing end.
struct Passer {
  void mark() {}
  bool code(bool bit, BitShare) { return bit; }
  static bool ended() { return false; }
};

struct Writer {
  BitEncoder& bits;
  size_t enough;
  std::vector<uint32_t>& settled;
  int64_t visited = 0;
  void mark() {
    if (visited++ % BitPlanes::kMark == 0) settled.push_back(static_cast<uint32_t>(bits.settled()));
  }
  bool code(bool bit, BitShare share) { return bits.code(bit, share); }
  bool ended() const { return bits.settled() >= enough; }
};

struct Reader {
  BitDecoder& bits;
  int64_t visited = 0;
  void mark() { ++visited; }
  bool code(bool, BitShare share) { return bits.code(false, share); }
  bool ended() const { return bits.ended(); }
};

}  // namespace

int64_t BitPlanes::mood(int64_t at, int64_t significant) const {
  const int64_t usual = usual_[static_cast<size_t>(at)], found = significant * 256;
  if (usual < 128) return significant == 0 ? 1 : 3;
  if (4 * found < 2 * usual) return 0;
  if (4 * found < 3 * usual) return 1;
  if (4 * found < 5 * usual) return 2;
  return 4 * found < 7 * usual ? 3 : 4;
}

template <class Bits>
std::vector<BitPlanes::Known> BitPlanes::visit(Bits& bits, const int32_t* numbers) const {
  std::vector<Known> known(static_cast<size_t>(size_));
  int64_t significant = 0;
  for (int64_t plane = 0; plane < planes_; ++plane) {
    const int shift = static_cast<int>(planes_ - 1 - plane);
    for (int64_t i = 0; i < size_; ++i) {
      bits.mark();
      const size_t at = place(plane, i);
      Known& k = known[static_cast<size_t>(i)];
      const int32_t number = numbers ? numbers[i] : 0;
      const bool digit = (static_cast<uint32_t>(std::abs(number)) >> shift & 1) != 0;
      const auto context = at * kMoods + static_cast<size_t>(mood(static_cast<int64_t>(at), significant));
      const int64_t share = k.digits ? refinement_[at] : significance_[context];
      const bool one = bits.code(digit, static_cast<BitShare>(share));
      if (bits.ended()) return known;
      if (one && k.digits == 0) {
        const bool negative = bits.code(number < 0, static_cast<BitShare>(sign_[static_cast<size_t>(i)]));
        if (bits.ended()) return known;
        k.negative = negative;
        ++significant;
      }
      k.digits |= static_cast<uint32_t>(one) << shift;
      k.shift = shift;
    }
  }
  return known;
}

std::vector<int32_t> BitPlanes::quantise(const float* values) const {
  std::vector<int32_t> numbers(static_cast<size_t>(size_));
  const auto most = static_cast<double>((int64_t{1} << planes_) - 1);
  for (int64_t i = 0; i < size_; ++i) {
    const double whole = std::min(most, std::floor(std::abs(static_cast<double>(values[i])) / step_));
    numbers[static_cast<size_t>(i)] = static_cast<int32_t>(values[i] < 0 ? -whole : whole);
  }
  return numbers;
}

float BitPlanes::value_of(const Known& k, int64_t i) const {
  if (k.digits == 0) return 0;
  const bool fresh = (k.digits >> k.shift) == 1;
  const int64_t centre = fresh ? centre_[place(planes_ - 1 - k.shift, i)] : 128;
  const double size = (k.digits + static_cast<double>(centre) / 256 * std::ldexp(1.0, k.shift)) * step_;
  return static_cast<float>(k.negative ? -size : size);
}

void BitPlanes::encode(BitEncoder& bits, const std::vector<int32_t>& numbers, size_t enough_bytes,
                       std::vector<uint32_t>& settled) const {
  Writer writer{bits, enough_bytes, settled};
  visit(writer, numbers.data());
}

std::vector<float> BitPlanes::decode(BitDecoder& bits, float& known) const {
  Reader reader{bits};
  const std::vector<Known> found = visit(reader, nullptr);
  known = static_cast<float>(reader.visited) / static_cast<float>(planes_ * size_);
  std::vector<float> values;
  for (int64_t i = 0; i < size_; ++i) values.push_back(value_of(found[static_cast<size_t>(i)], i));
  return values;
}

std::vector<float> BitPlanes::value(const std::vector<int32_t>& numbers) const {
  Passer all;
  const std::vector<Known> known = visit(all, numbers.data());
  std::vector<float> values;
  for (int64_t i = 0; i < size_; ++i) values.push_back(value_of(known[static_cast<size_t>(i)], i));
  return values;
}

// First how many coefficients are significant where; then, knowing that, how often what is.
BitPlanes BitPlanes::learn(const at::Tensor& coefficients, double step) {
  const at::Tensor x = coefficients.to(at::kFloat).contiguous();
  const int64_t samples = x.size(0), n = x.size(1);
  BitPlanes p;
  p.size_ = n;
  p.step_ = step;
  const double largest = x.numel() > 0 ? x.abs().max().item<double>() / step : 1;
  while (p.planes_ < kMostPlanes && std::ldexp(1.0, static_cast<int>(p.planes_)) <= largest) ++p.planes_;
  const auto places = static_cast<size_t>(p.planes_ * n);
  p.usual_.assign(places, 0);
  std::vector<std::vector<int32_t>> numbers;
  for (int64_t s = 0; s < samples; ++s) numbers.push_back(p.quantise(x.data_ptr<float>() + s * n));
  // Calls f(place, share of the sample's coefficients that are significant, whether it is known, its digit, sample, i).
  const auto each = [&](const auto& f) {
    for (int64_t s = 0; s < samples; ++s) {
      int64_t significant = 0;
      for (int64_t plane = 0; plane < p.planes_; ++plane)
        for (int64_t i = 0; i < n; ++i) {
          const auto size = static_cast<uint32_t>(std::abs(numbers[static_cast<size_t>(s)][static_cast<size_t>(i)]));
          const int shift = static_cast<int>(p.planes_ - 1 - plane);
          const bool known = size >> (shift + 1) != 0, digit = (size >> shift & 1) != 0;
          f(p.place(plane, i), significant, known, digit, s, i);
          significant += digit && !known;
        }
    }
  };
  std::vector<double> count(places), refined(places), ones(places), found(places), inside(places);
  each([&](size_t at, int64_t significant, bool known, bool digit, int64_t s, int64_t i) {
    count[at] += static_cast<double>(significant);
    if (known) refined[at] += 1, ones[at] += digit;
    if (known || !digit) return;
    found[at] += 1;
    const double unit = step * std::ldexp(1.0, static_cast<int>(p.planes_ - 1 - static_cast<int64_t>(at) / n));
    inside[at] += std::min(1.0, std::abs(static_cast<double>(x.data_ptr<float>()[s * n + i])) / unit - 1);
  });
  for (size_t at = 0; at < places; ++at) {
    p.usual_[at] = std::llround(256 * count[at] / static_cast<double>(samples));
    p.refinement_.push_back(as_share(ones[at], refined[at], 0.45));
    p.centre_.push_back(std::llround(256 * (inside[at] + 2 * 0.45) / (found[at] + 2)));
  }
  std::vector<double> seen(places * kMoods), yes(places * kMoods);
  each([&](size_t at, int64_t significant, bool known, bool digit, int64_t, int64_t) {
    if (known) return;
    const size_t context = at * kMoods + static_cast<size_t>(p.mood(static_cast<int64_t>(at), significant));
    seen[context] += 1;
    yes[context] += digit;
  });
  for (size_t at = 0; at < places; ++at) {
    double all = 0, any = 0;
    for (size_t m = 0; m < kMoods; ++m) all += seen[at * kMoods + m], any += yes[at * kMoods + m];
    for (size_t m = 0; m < kMoods; ++m)
      p.significance_.push_back(as_share(yes[at * kMoods + m], seen[at * kMoods + m], (any + 0.01) / (all + 1)));
  }
  const at::Tensor negative = (x < 0).to(at::kDouble).mean(0);
  for (int64_t i = 0; i < n; ++i) p.sign_.push_back(as_share(negative[i].item<double>() * 100, 100, 0.5));
  return p;
}

void BitPlanes::save(NamedTensors& tensors, const std::string& prefix) const {
  const auto add = [&](const char* name, const std::vector<int64_t>& values) {
    tensors.emplace_back(prefix + name, at::tensor(values, at::kLong));
  };
  tensors.emplace_back(prefix + "step", at::full({1}, step_, at::kDouble));
  add("planes", {planes_});
  add("usual", usual_);
  add("significance", significance_);
  add("refinement", refinement_);
  add("sign", sign_);
  add("centre", centre_);
}

BitPlanes BitPlanes::load(const NamedTensors& tensors, const std::string& prefix, const std::string& where) {
  const auto read = [&](const char* name, int64_t size, int64_t most) {
    const at::Tensor t = find_tensor(tensors, prefix + name, where);
    if (t.scalar_type() != at::kLong || (size >= 0 && t.numel() != size) || t.numel() == 0 ||
        t.min().item<int64_t>() < 0 || t.max().item<int64_t>() > most)
      fail("{}: its table {} is damaged: fit it anew", where, prefix + name);
    const at::Tensor flat = t.contiguous();
    return std::vector<int64_t>(flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel());
  };
  const auto shares = [&](const char* name, int64_t size) {
    std::vector<int64_t> values = read(name, size, 65535);
    if (std::find(values.begin(), values.end(), 0) != values.end())
      fail("{}: its table {} is damaged: fit it anew", where, prefix + name);
    return values;
  };
  BitPlanes p;
  p.sign_ = shares("sign", -1);
  p.size_ = static_cast<int64_t>(p.sign_.size());
  p.planes_ = read("planes", 1, kMostPlanes)[0];
  const at::Tensor step = find_tensor(tensors, prefix + "step", where);
  if (step.scalar_type() != at::kDouble || step.numel() != 1 || !(step.item<double>() > 0) || p.planes_ < 1)
    fail("{}: its table {}step is damaged: fit it anew", where, prefix);
  p.step_ = step.item<double>();
  const int64_t places = p.planes_ * p.size_;
  p.usual_ = read("usual", places, int64_t{1} << 40);
  p.significance_ = shares("significance", places * kMoods);
  p.refinement_ = shares("refinement", places);
  p.centre_ = read("centre", places, 256);
  return p;
}

}  // namespace obverse
