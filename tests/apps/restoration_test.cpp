#include "obverse/apps/restoration.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"

namespace obverse {
namespace {

// Grey squares on black, and noise over all of it as cut codes make it: a little where much is known.
std::pair<CodedPictures, at::Tensor> noisy_squares(int64_t n, Rng& rng) {
  at::Tensor image = at::full({n, 1, 12, 12}, -1.0);
  for (int64_t i = 0; i < n; ++i) {
    const at::Tensor place = rng.integers(7, {2});
    const auto y = place[0].item<int64_t>(), x = place[1].item<int64_t>();
    image[i][0].slice(0, y, y + 5).slice(1, x, x + 5).fill_(0.3);
  }
  const at::Tensor known = rng.uniform({n, 2});
  const at::Tensor noise = 0.3 * (1 - known.select(1, 1)).view({n, 1, 1, 1}) * rng.normal({n, 1, 12, 12});
  return {{image + noise, 0.5 * image - 0.5, known}, image};
}

double error(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().mean().item<double>(); }

TEST(Restoration, BeginsAsNothingAndLearnsToTakeAwayWhatIsNoiseWhereLittleIsKnown) {
  Rng rng(1);
  Restoration restoration(1, rng);
  auto [coded, image] = noisy_squares(200, rng);
  const at::Tensor before = coded.picture.clamp(-1, 1);
  without_grad([&] { EXPECT_TRUE(at::equal(restoration.forward(coded), before)); });
  restoration.learn(500, 50, rng, [&](const at::Tensor& rows) { return noisy_squares(rows.size(0), rng); });
  without_grad([&] { EXPECT_LT(error(restoration.forward(coded), image), 0.3 * error(before, image)); });
  // The same pixels are left alone where nearly all is known.
  const auto change = [&](double known) {
    coded.known.fill_(known);
    return without_grad([&] { return error(restoration.forward(coded), before); });
  };
  EXPECT_GT(change(0.1), 1.5 * change(0.95));
}

}  // namespace
}  // namespace obverse
