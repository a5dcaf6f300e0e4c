#include "obverse/infer/code_space.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "models_for_tests.h"
#include "obverse/core/error.h"
#include "obverse/infer/invert.h"
#include "obverse/infer/latent_file.h"
#include "obverse/infer/optimise.h"
#include "tests/refusal.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

/// w = 3 z + 1; each of four layers adds its w, weighted by its number, to x.
class StyledModel : public FormulaModel {
 public:
  StyledModel() : FormulaModel(5, 5) { name = "styled", hash = "h"; }
  at::Tensor decode(const at::Tensor& z, const at::Tensor& y) override { return synthesise(map(z, y)); }
  int64_t style_layers() const override { return 4; }
  at::Tensor map(const at::Tensor& z, const at::Tensor&) override { return 3 * z + 1; }
  at::Tensor synthesise(const at::Tensor& w) override {
    const at::Tensor each = w.dim() == 3 ? w : w.unsqueeze(1).expand({-1, 4, -1});
    return (each * at::tensor({1.f, 2.f, 3.f, 4.f}).view({1, 4, 1})).sum(1);
  }
  bool can_encode() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor&) override { return (x / 10 - 1) / 3; }
  std::vector<at::Tensor> code_weights() const override { return {at::eye(5)}; }
};

TEST(CodeSpace, CodesOfWAreStandardised) {
  const auto model = in_space(std::make_unique<StyledModel>(), "w");
  ASSERT_EQ(model->spaces().front().name, "w");
  EXPECT_TRUE(at::allclose(model->decode(at::zeros({1, 5}), {}), at::full({1, 5}, 10.f), 0, 1));  // of the mean w, 1
  EXPECT_TRUE(at::allclose(model->decode(at::ones({1, 5}), {}), at::full({1, 5}, 40.f), 0, 2));
  const at::Tensor x = at::randn({3, 5});
  EXPECT_TRUE(at::allclose(model->decode(model->encode(x, {}), {}), x, 1e-4, 1e-4));
  EXPECT_TRUE(at::allclose(model->code_weights()[0].diagonal(), at::full({5}, 3.f), 0, 0.1));
}

TEST(CodeSpace, CodesOfWPlusAreOneForEachLayer) {
  const auto model = in_space(std::make_unique<StyledModel>(), "w+");
  EXPECT_EQ(model->spaces().front().shape, (std::vector<int64_t>{4, 5}));
  const at::Tensor x = at::randn({3, 5});
  const at::Tensor code = model->encode(x, {});
  EXPECT_EQ(code.sizes(), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_TRUE(at::allclose(model->decode(code, {}), x, 1e-4, 1e-4));
  at::Tensor moved = code.clone();
  moved.select(1, 3) += 1;
  EXPECT_TRUE(at::allclose(model->decode(moved, {}) - x, at::full({3, 5}, 12.f), 0, 0.5));  // weight 4, deviation 3
}

TEST(CodeSpace, OwnCodesAreDrawnInZAndMapped) {
  StyledModel plain;
  Rng wanted_rng(4);
  const at::Tensor wanted = plain.decode(draw_codes(plain, 6, {}, wanted_rng), {});
  for (const char* space : {"w", "w+"}) {
    const auto model = in_space(std::make_unique<StyledModel>(), space);
    Rng rng(4);
    EXPECT_TRUE(at::allclose(model->decode(draw_codes(*model, 6, {}, rng), {}), wanted, 1e-4, 1e-3)) << space;
  }
}

/// w = e^z: far from the normal numbers that its standardised codes would be drawn as.
class FoldedModel : public StyledModel {
 public:
  at::Tensor map(const at::Tensor& z, const at::Tensor&) override { return at::exp(z); }
};

TEST(CodeSpace, ReachAndStartsAreOfSamplesThatTheMappingMakes) {
  FoldedModel plain;
  OptimiseOptions options;
  options.restarts = 4;
  const at::Tensor x = plain.decode(at::ones({2, 5}), {});
  const auto both = [&](LatentModel& model) {
    Rng rng(4);
    const double far = reach(model, rng, 200);
    return std::pair(far, model.decode(draw_starts(model, x, {}, options, rng).code, {}));
  };
  const auto [far, wanted] = both(plain);
  for (const char* space : {"w", "w+"}) {
    const auto model = in_space(std::make_unique<FoldedModel>(), space);
    const auto [found, starts] = both(*model);
    EXPECT_NEAR(found, far, 1e-3 * far) << space;
    EXPECT_TRUE(at::allclose(starts, wanted, 1e-3, 1e-2)) << space;
  }
}

TEST(CodeSpace, SeedsAreDrawnInZAndMapped) {
  StyledModel plain;
  const at::Tensor wanted = plain.decode(latents_for_seeds(plain, {3, 8}), {});
  for (const char* space : {"z", "w", "w+"}) {
    const auto model = in_space(std::make_unique<StyledModel>(), space);
    EXPECT_TRUE(at::allclose(model->decode(codes_for_seeds(*model, {3, 8}, {}), {}), wanted, 1e-4, 1e-4));
  }
}

TEST(CodeSpace, OfAModelWithoutStylesIsZAlone) {
  EXPECT_EQ(in_space(std::make_unique<LinearModel>(2, 3), "z")->spaces().front().name, "z");
  EXPECT_THROW(in_space(std::make_unique<LinearModel>(2, 3), "w"), UserError);
}

TEST(CodeSpace, FilesKnowTheirs) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("l.npz");
  const auto z = in_space(std::make_unique<StyledModel>(), "z"), w = in_space(std::make_unique<StyledModel>(), "w");
  write_latents(path, *w, {at::randn({2, 5}), {}});
  EXPECT_EQ(space_of_latents(path), "w");
  EXPECT_EQ(read_latents(path, *w).code.size(0), 2);
  EXPECT_THAT(refusal([&] { read_latents(path, *z); }), HasSubstr("use --space w"));
}

}  // namespace
}  // namespace obverse
