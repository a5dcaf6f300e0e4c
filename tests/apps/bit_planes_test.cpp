#include "obverse/apps/bit_planes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "obverse/core/error.h"
#include "obverse/core/rng.h"

namespace obverse {
namespace {

struct Bits {
  std::vector<bool> bits;
  std::vector<BitShare> shares;
};

Bits random_bits(int n, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bits result;
  for (int i = 0; i < n; ++i) {
    result.shares.push_back(static_cast<BitShare>(i % 7 == 0 ? 65520 : 16 + random() % 65000));
    result.bits.push_back(random() % 65536 < result.shares.back());
  }
  return result;
}

TEST(BitCoder, BitsComeBackAtTheirCost) {
  const Bits sent = random_bits(50000, 1);
  BitEncoder encoder;
  double expected = 0;
  for (size_t i = 0; i < sent.bits.size(); ++i) {
    encoder.code(sent.bits[i], sent.shares[i]);
    expected -= std::log2((sent.bits[i] ? sent.shares[i] : 65536 - sent.shares[i]) / 65536.0);
  }
  const std::string code = encoder.finish();
  EXPECT_NEAR(8.0 * static_cast<double>(code.size()) / expected, 1, 0.005);
  BitDecoder decoder(code);
  for (size_t i = 0; i < sent.bits.size(); ++i) ASSERT_EQ(decoder.code(false, sent.shares[i]), sent.bits[i]) << i;
  EXPECT_FALSE(decoder.ended());
}

// Whatever is left of a code, the bits that can still be told are right, and all but the last few can be told.
TEST(BitCoder, ACodeThatIsCutGivesItsFirstBits) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Bits sent = random_bits(300, seed);
    BitEncoder encoder;
    for (size_t i = 0; i < sent.bits.size(); ++i) encoder.code(sent.bits[i], sent.shares[i]);
    const std::string code = encoder.finish();
    size_t last = 0;
    for (size_t n = 0; n <= code.size(); ++n) {
      const std::string part = code.substr(0, n);
      BitDecoder decoder(part);
      size_t told = 0;
      for (; told < sent.bits.size(); ++told) {
        const bool bit = decoder.code(false, sent.shares[told]);
        if (decoder.ended()) break;
        ASSERT_EQ(bit, sent.bits[told]) << n;
      }
      EXPECT_GE(told, last);
      last = told;
    }
    EXPECT_EQ(last, sent.bits.size());
  }
}

at::Tensor coefficients(int64_t n) {  // of falling spread, heavy-tailed
  Rng rng(2);
  return rng.normal({n, 12}) * rng.normal({n, 1}).exp() * at::pow(0.7, at::arange(12, at::kFloat)) * 3;
}

TEST(BitPlanes, AllBitsGiveEveryCoefficientToWithinAStep) {
  const at::Tensor x = coefficients(500);
  const BitPlanes planes = BitPlanes::learn(x, 0.25);
  for (int64_t i = 0; i < 50; ++i) {
    BitEncoder encoder;
    std::vector<uint32_t> marks;
    const std::vector<int32_t> numbers = planes.quantise(x[i].data_ptr<float>());
    planes.encode(encoder, numbers, 1000, marks);
    const std::string code = encoder.finish();
    BitDecoder decoder(code);
    float known = 0;
    const std::vector<float> back = planes.decode(decoder, known);
    EXPECT_EQ(back, planes.value(numbers));
    EXPECT_GT(known, 0.99);
    for (int64_t j = 0; j < 12; ++j) EXPECT_LE(std::abs(back[j] - x[i][j].item<float>()), 0.2501) << i << " " << j;
  }
}

TEST(BitPlanes, MoreBytesAreNeverMuchWorseAndInTheEndMuchBetter) {
  const at::Tensor x = coefficients(2000);
  const BitPlanes planes = BitPlanes::learn(x.slice(0, 200), 0.1);
  std::vector<double> error(14);
  for (int64_t i = 0; i < 200; ++i) {
    BitEncoder encoder;
    std::vector<uint32_t> marks;
    planes.encode(encoder, planes.quantise(x[i].data_ptr<float>()), 14, marks);
    const std::string code = encoder.finish();
    for (size_t n = 0; n < error.size(); ++n) {
      const std::string part = code.substr(0, n);
      BitDecoder decoder(part);
      float known = 0;
      const std::vector<float> back = planes.decode(decoder, known);
      for (int64_t j = 0; j < 12; ++j) error[n] += std::pow(back[j] - x[i][j].item<double>(), 2);
    }
  }
  for (size_t n = 1; n < error.size(); ++n) EXPECT_LT(error[n], 1.01 * error[n - 1]) << n;
  EXPECT_LT(error.back(), 0.01 * error.front());
}

TEST(BitPlanes, TablesComeBackFromAFileAndDamagedOnesAreRefused) {
  const BitPlanes planes = BitPlanes::learn(coefficients(300), 0.25);
  NamedTensors tensors;
  planes.save(tensors, "p.");
  const BitPlanes back = BitPlanes::load(tensors, "p.", "file");
  const at::Tensor x = coefficients(3);
  EXPECT_EQ(planes.value(planes.quantise(x.data_ptr<float>())), back.value(back.quantise(x.data_ptr<float>())));
  for (const auto& damage : {0, -1, 70000}) {
    for (auto& [name, tensor] : tensors) {
      if (name == "p.step" || (name == "p.usual" && damage >= 0) || (name == "p.centre" && damage == 0)) continue;
      const at::Tensor kept = tensor.clone();
      tensor.fill_(damage);
      EXPECT_THROW(BitPlanes::load(tensors, "p.", "file"), UserError) << name << " " << damage;
      tensor.copy_(kept);
    }
  }
}

}  // namespace
}  // namespace obverse
