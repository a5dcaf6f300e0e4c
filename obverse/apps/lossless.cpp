#include "obverse/apps/lossless.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "obverse/apps/fixed_point.h"
#include "obverse/apps/integer_network.h"
#include "obverse/apps/level_distribution.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

int64_t pixels_of(const Domain& domain) { return domain.shape[0] * domain.shape[1] * domain.shape[2]; }

at::Tensor empty_images(const Domain& domain, int64_t count) {
  std::vector<int64_t> sizes = domain.shape;
  sizes.insert(sizes.begin(), count);
  return at::zeros(sizes, at::kByte);
}

void check_binary(const at::Tensor& images, const std::string& where) {
  if (((images != 0) & (images != 255)).any().item<bool>())
    fail(
        "{}: is a model of pixels that are on or off, the images have others: add --binarise, or use a model of grey "
        "images",
        where);
}

// Codes' numbers as bins of equal prior mass, and their posterior as whole shares of 2^28.
class CodeBins {
 public:
  static constexpr int kPriorBits = 15, kPosteriorBits = 28;
  static constexpr int64_t kBins = int64_t{1} << kPriorBits;

  CodeBins() : edges_(kBins), centres_(kBins) {
    const auto place = [](int64_t half) {  // quantile of half / (2 bins)
      return integer_normal_quantile(half * (kWholeShare / (2 * kBins)));
    };
    for (int64_t i = 0; i < kBins; ++i) {
      if (i > 0) edges_[static_cast<size_t>(i)] = place(2 * i);
      centres_[static_cast<size_t>(i)] = static_cast<double>(place(2 * i + 1) >> (kArgumentBits - kActivationBits));
    }
  }
  /// The middle of a bin in 2^-14.
  double centre(int64_t bin) const { return centres_[static_cast<size_t>(bin)]; }

  struct Posterior {
    int64_t mean, rate;  // in 2^-20; 1 / standard deviation in 2^-24
  };
  /// mean, log_std: an encoder's, in 2^-14; the latter kept within the limits of gaussian_codes.
  static Posterior posterior(double mean, double log_std) {
    constexpr int64_t kUnit = int64_t{1} << kActivationBits;
    const int64_t kept = std::clamp(static_cast<int64_t>(log_std), -7 * kUnit, 3 * kUnit);
    return {static_cast<int64_t>(mean) * (int64_t{1} << (kArgumentBits - kActivationBits)), integer_exp(-kept)};
  }
  Interval interval(const Posterior& q, int64_t bin) const {
    const uint32_t start = below(q, bin);
    return {start, below(q, bin + 1) - start};
  }
  int64_t bin_at(const Posterior& q, uint32_t share) const {
    int64_t low = 0, high = kBins;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      (below(q, middle) <= share ? low : high) = middle;
    }
    return low;
  }

 private:
  uint32_t below(const Posterior& q, int64_t bin) const {
    constexpr int64_t kWhole = int64_t{1} << kPosteriorBits, kMost = int64_t{64} << kArgumentBits;
    if (bin <= 0) return 0;
    if (bin >= kBins) return static_cast<uint32_t>(kWhole);
    const int64_t off = std::clamp(edges_[static_cast<size_t>(bin)] - q.mean, -kMost, kMost);
    return static_cast<uint32_t>(bin + ((integer_normal_cdf((off * q.rate) >> 24) * (kWhole - kBins)) >> kShareBits));
  }
  std::vector<int64_t> edges_;  // in 2^-20, the lower one of each bin but the first
  std::vector<double> centres_;
};

// Images that go through the networks together. The first ones go alone: there is no message yet to pop codes from.
std::vector<int64_t> group_sizes(int64_t count) {
  constexpr int64_t kMost = 64;
  std::vector<int64_t> sizes;
  for (int64_t done = 0; done < count; done += sizes.back())
    sizes.push_back(std::min({std::max<int64_t>(1, done), kMost, count - done}));
  return sizes;
}

class BitsBackCoder : public LosslessCoder {
 public:
  BitsBackCoder(const CodingNetworks& parts, const Domain& domain, const std::string& where)
      : domain_(domain),
        pixels_(pixels_of(domain)),
        encoder_(parts.encoder, where),
        decoder_(parts.decoder, where),
        coder_(parts, decoder_.outputs(), pixels_, domain.shape[0], where),
        codes_(decoder_.inputs()),
        where_(where) {}

  bool binary() const override { return coder_.binary(); }

  LosslessCode encode(const at::Tensor& images, const CodingProgress& progress) override {
    if (binary()) check_binary(images, where_);
    Rans rans;
    int64_t done = 0;
    for (const int64_t size : group_sizes(images.size(0))) {
      const at::Tensor x = images.slice(0, done, done + size).contiguous();
      const at::Tensor q = encoder_.forward(encoder_.of_images(x));  // [size, 2 codes]
      std::vector<int64_t> bins;
      for (int64_t i = 0; i < size; ++i) pop_code(rans, row(q, i), bins);
      const at::Tensor numbers = decoder_.forward(centres(bins, size));
      for (int64_t i = 0; i < size; ++i) coder_.push(rans, x.data_ptr<uint8_t>() + i * pixels_, row(numbers, i));
      for (const int64_t bin : bins) rans.push({static_cast<uint32_t>(bin), 1}, CodeBins::kPriorBits);
      done += size;
      if (progress) progress(done);
    }
    return {rans.bytes(), 32 * (rans.borrowed() + 1)};
  }

  at::Tensor decode(const std::string& bytes, int64_t count, const std::string& where,
                    const CodingProgress& progress) override {
    Rans rans(bytes, where);
    std::vector<at::Tensor> parts;  // from the last group to the first: a forged count ends before it takes much memory
    std::vector<int64_t> sizes = group_sizes(count);
    int64_t left = count;
    for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
      left -= *size;
      std::vector<int64_t> bins(static_cast<size_t>(*size * codes_));
      for (auto bin = bins.rbegin(); bin != bins.rend(); ++bin) {
        *bin = rans.peek(CodeBins::kPriorBits);
        rans.pop({static_cast<uint32_t>(*bin), 1}, CodeBins::kPriorBits);
      }
      const at::Tensor numbers = decoder_.forward(centres(bins, *size));
      const at::Tensor x = parts.emplace_back(empty_images(domain_, *size));
      for (int64_t i = *size - 1; i >= 0; --i) coder_.pop(rans, x.data_ptr<uint8_t>() + i * pixels_, row(numbers, i));
      const at::Tensor q = encoder_.forward(encoder_.of_images(x));
      for (int64_t i = *size - 1; i >= 0; --i) push_code(rans, row(q, i), bins.data() + i * codes_);
      if (progress) progress(count - left);
    }
    if (!rans.at_rest()) fail("{}: is damaged: its code does not end where it began", where);
    std::reverse(parts.begin(), parts.end());
    return parts.empty() ? empty_images(domain_, 0) : at::cat(parts);
  }

 private:
  static const double* row(const at::Tensor& numbers, int64_t i) {
    return numbers.data_ptr<double>() + i * numbers.size(1);
  }
  // q: means, then log standard deviations.
  void pop_code(Rans& rans, const double* q, std::vector<int64_t>& bins) const {
    for (int64_t j = 0; j < codes_; ++j) {
      const CodeBins::Posterior posterior = CodeBins::posterior(q[j], q[codes_ + j]);
      bins.push_back(bins_.bin_at(posterior, rans.peek(CodeBins::kPosteriorBits)));
      rans.pop(bins_.interval(posterior, bins.back()), CodeBins::kPosteriorBits);
    }
  }
  void push_code(Rans& rans, const double* q, const int64_t* bins) const {
    for (int64_t j = codes_ - 1; j >= 0; --j)
      rans.push(bins_.interval(CodeBins::posterior(q[j], q[codes_ + j]), bins[j]), CodeBins::kPosteriorBits);
  }
  at::Tensor centres(const std::vector<int64_t>& bins, int64_t images) const {
    std::vector<double> middle;
    for (const int64_t bin : bins) middle.push_back(bins_.centre(bin));
    return at::tensor(middle, at::kDouble).view({images, codes_});
  }

  Domain domain_;
  int64_t pixels_;
  IntegerNetwork encoder_, decoder_;
  PixelCoder coder_;
  CodeBins bins_;
  int64_t codes_;
  std::string where_;
};

// Pixel by pixel, many images side by side. The stack gives back what was pushed last, so encoding goes backwards.
class AutoregressiveCoder : public LosslessCoder {
 public:
  AutoregressiveCoder(const CodingNetworks& parts, const Domain& domain, const std::string& where)
      : domain_(domain), pixels_(pixels_of(domain)), network_(parts.decoder, where), where_(where) {
    if (parts.likelihood != "bernoulli") fail("{}: {} has no autoregressive coder", where, parts.likelihood);
  }
  bool binary() const override { return true; }

  LosslessCode encode(const at::Tensor& images, const CodingProgress& progress) override {
    check_binary(images, where_);
    Rans rans;
    const int64_t count = images.size(0);
    for (int64_t end = count; end > 0;) {
      const int64_t begin = (end - 1) / kGroup * kGroup;
      const at::Tensor x = images.slice(0, begin, end).contiguous();
      const at::Tensor logits = network_.forward(network_.of_images(x));  // [n, pixels]
      for (int64_t pixel = pixels_ - 1; pixel >= 0; --pixel)
        for (int64_t i = end - begin - 1; i >= 0; --i) {
          const auto logit = static_cast<int64_t>(logits.data_ptr<double>()[i * pixels_ + pixel]);
          rans.push(on_or_off(logit, x.data_ptr<uint8_t>()[i * pixels_ + pixel] > 0), LevelDistribution::kBits);
        }
      end = begin;
      if (progress) progress(count - begin);
    }
    return {rans.bytes(), 32};
  }

  at::Tensor decode(const std::string& bytes, int64_t count, const std::string& where,
                    const CodingProgress& progress) override {
    Rans rans(bytes, where);
    std::vector<at::Tensor> parts;
    const double off = network_.levels()[0], on = network_.levels()[255];
    for (int64_t begin = 0; begin < count; begin += kGroup) {
      const int64_t n = std::min(kGroup, count - begin);
      auto* x = parts.emplace_back(empty_images(domain_, n)).data_ptr<uint8_t>();
      at::Tensor sums = network_.empty_sums(n);
      at::Tensor values = at::empty({n}, at::kDouble);
      for (int64_t pixel = 0; pixel < pixels_; ++pixel) {
        const at::Tensor logits = network_.output(sums, pixel).contiguous();
        for (int64_t i = 0; i < n; ++i) {
          const auto logit = static_cast<int64_t>(logits.data_ptr<double>()[i]);
          const bool bright = is_on(logit, rans.peek(LevelDistribution::kBits));
          rans.pop(on_or_off(logit, bright), LevelDistribution::kBits);
          x[i * pixels_ + pixel] = bright ? 255 : 0;
          values.data_ptr<double>()[i] = bright ? on : off;
        }
        network_.add_input(sums, pixel, values);
      }
      if (progress) progress(begin + n);
    }
    if (!rans.at_rest()) fail("{}: is damaged: its code does not end where it began", where);
    return parts.empty() ? empty_images(domain_, 0) : at::cat(parts);
  }

 private:
  static constexpr int64_t kGroup = 256;
  Domain domain_;
  int64_t pixels_;
  IntegerNetwork network_;
  std::string where_;
};

}  // namespace

std::unique_ptr<LosslessCoder> lossless_coder(const LatentModel& model) {
  const Domain& domain = model.domain();
  const CodingNetworks parts = model.coding_networks();
  if (domain.kind != Domain::Kind::image || domain.levels != 256)
    fail("{}: is of {}: lossless coding is for images of 256 levels", model.name, domain.text());
  return without_grad([&]() -> std::unique_ptr<LosslessCoder> {
    if (parts.encoder.weights.empty()) return std::make_unique<AutoregressiveCoder>(parts, domain, model.name);
    return std::make_unique<BitsBackCoder>(parts, domain, model.name);
  });
}

static std::string digest_of(const at::Tensor& images) {
  return short_hash(sha256(images.data_ptr(), static_cast<size_t>(images.numel())));
}

LosslessFile compress_lossless(const LatentModel& model, const at::Tensor& images, const CodingProgress& progress) {
  const Domain& domain = model.domain();
  if (images.dim() != 4 || images.sizes().slice(1) != at::IntArrayRef(domain.shape))
    fail("images are {}, the model {} is of {}: resize them", fmt::join(images.sizes().slice(1), "x"), model.name,
         fmt::join(domain.shape, "x"));
  return without_grad([&] {
    const at::Tensor x = images.contiguous();
    const LosslessCode code = lossless_coder(model)->encode(x, progress);
    Bitstream stream{Bitstream::Kind::lossless, model.hash, domain.shape, x.size(0), code.bytes + digest_of(x)};
    return LosslessFile{write_bitstream(stream), code.initial_bits};
  });
}

at::Tensor decompress_lossless(const LatentModel& model, const Bitstream& stream, const std::string& where,
                               const CodingProgress& progress) {
  constexpr size_t kDigest = 8;
  check_made_with(stream, where, model.hash, model.name, model.domain().shape);
  // Not even certain pixels are for nothing: a level has a share of 2^-24 at least.
  if (stream.body.size() < kDigest || static_cast<uint64_t>(stream.count) > 4096 * stream.body.size())
    fail("{}: is damaged: {} images cannot be in {} bytes", where, stream.count, stream.body.size());
  const size_t length = stream.body.size() - kDigest;
  const at::Tensor images = without_grad(
      [&] { return lossless_coder(model)->decode(stream.body.substr(0, length), stream.count, where, progress); });
  if (digest_of(images) != stream.body.substr(length))
    fail("{}: is damaged: its images are not those that went in", where);
  return images;
}

}  // namespace obverse
