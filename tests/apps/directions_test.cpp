#include "obverse/apps/directions.h"

#include <ATen/ATen.h>
#include <ATen/ops/linalg_svd.h>
#include <gmock/gmock.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "tests/infer/models_for_tests.h"
#include "tests/refusal.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

/// G(z) = A z + b, A of singular values 8, 4, 2, 1, ..., known as its code's weights.
class ScaledModel : public FormulaModel {
 public:
  ScaledModel(int64_t codes, int64_t numbers, int64_t classes = 0) : FormulaModel(codes, numbers), classes_(classes) {
    hash = "h";
    name = "scaled";
    Rng rng(4, "scaled");
    const auto [u, s, v] = at::linalg_svd(rng.normal({numbers, codes}), false);
    right = v;
    a_ = (u * at::exp2(3 - at::arange(codes, at::kFloat))).mm(v);
  }
  at::Tensor decode(const at::Tensor& z, const at::Tensor& y) override {
    const at::Tensor x = z.mm(a_.t());
    return y.defined() ? x + 50 * y.unsqueeze(1) : x;
  }
  std::vector<at::Tensor> code_weights() const override { return {a_}; }
  int64_t classes() const override { return classes_; }
  at::Tensor right;  // [codes, codes] rows: what G sees most first

 private:
  int64_t classes_;
  at::Tensor a_;
};

/// Class 1 where the first number is positive.
class SignJudge : public FeatureNetwork {
 public:
  at::Tensor features(const at::Tensor& x) override { return x.flatten(1); }
  int64_t classes() const override { return 2; }
  at::Tensor logits(const at::Tensor& f) override {
    return at::stack({at::zeros({f.size(0)}), 10 * f.select(1, 0)}, 1).unsqueeze(1);
  }
};

double alignment(const at::Tensor& a, const at::Tensor& b) {
  return std::abs((a * b).sum().item<double>() / (a.norm() * b.norm()).item<double>());
}

Directions found(LatentModel& model, const std::string& kind, const LabelledCodes& labelled = {}, int64_t count = 3) {
  Rng rng(1, "directions");
  return find_row(direction_table(), "kind", kind).find({model, labelled, count, rng});
}

TEST(Directions, SefaAndPcaAreTheSingularVectorsOfALinearGenerator) {
  ScaledModel model(5, 12);
  for (const char* kind : {"sefa", "pca"}) {
    const Directions d = found(model, kind);
    ASSERT_EQ(d.ways.size(0), 3);
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_GT(alignment(d.ways[k], model.right[k]), 0.99) << kind << " " << k;
      EXPECT_NEAR(d.ways[k].norm().item<double>(), 1, 1e-5);
      EXPECT_NEAR(d.spread[k].item<double>(), 1, 0.1);  // of a standard normal prior
    }
  }
}

TEST(Directions, PcaDoesNotTakeTheClassForADirection) {
  ScaledModel model(5, 12, 3);
  EXPECT_GT(alignment(found(model, "pca").ways[0], model.right[0]), 0.99);
}

TEST(Directions, SefaNeedsWeights) {
  EvenModel model;
  model.name = "even";
  EXPECT_THAT(refusal([&] { found(model, "sefa"); }), HasSubstr("even has no matrix"));
}

// Labels by the first number of what is decoded: the way that changes it most is that row of the matrix.
TEST(Directions, OfLabelsLeadAcrossTheBoundary) {
  ScaledModel model(4, 6);
  SignJudge judge;
  Dataset data;
  data.domain.classes = {"minus", "plus"};
  Rng rng(3);
  const LabelledCodes labelled = label_codes(model, data, judge, 4000, rng);
  const at::Tensor normal = model.code_weights()[0][0];
  for (const char* kind : {"mean", "svm"}) {
    const Directions d = found(model, kind, labelled);
    EXPECT_EQ(d.names, data.domain.classes);
    EXPECT_GT((d.ways[1] * normal).sum().item<double>() / normal.norm().item<double>(), 0.98) << kind;
    const Effect e = measure_effect(model, d, 1, 2, judge, data.domain.classes, 500, rng);
    EXPECT_EQ(e.target, "plus");
    EXPECT_GT(e.gain, 0.4) << kind;  // a half were there already
    EXPECT_NEAR(e.others, e.gain, 1e-6);
  }
}

TEST(Directions, OfLabelsAreRefusedForConditionalModels) {
  ScaledModel model(4, 6, 2);
  SignJudge judge;
  Rng rng(3);
  EXPECT_THROW(label_codes(model, {}, judge, 10, rng), UserError);
}

// Of two points at +-a the margin is w a: least w^2 / 2 + 2 c (1 - w a)^2 at w = 4 c a / (1 + 4 c a^2).
TEST(Svm, OfTwoPointsIsKnown) {
  const at::Tensor x = at::tensor({0.7, -0.7}, at::kDouble).view({2, 1}), y = at::tensor({1.0, -1.0}, at::kDouble);
  EXPECT_NEAR(svm_normal(x, y, 0.5).item<double>(), 4 * 0.5 * 0.7 / (1 + 4 * 0.5 * 0.49), 1e-6);
}

TEST(Svm, HasNoSlopeLeft) {
  Rng rng(7);
  const at::Tensor x = rng.normal({300, 6}).to(at::kDouble),
                   y = ((x.select(1, 0) + 0.5 * x.select(1, 1) + 0.5 * rng.normal({300}) + 0.3) > 0).to(at::kDouble) *
                           2 -
                       1;
  const at::Tensor w = svm_normal(x, y, 2).requires_grad_();
  // The best bias for this normal, by bisection on the slope in it.
  double low = -5, high = 5;
  const auto slope = [&](double b) {
    return -2 * (y * (1 - y * (x.mv(w.detach()) + b)).clamp_min(0)).sum().item<double>();
  };
  for (int i = 0; i < 60; ++i) (slope((low + high) / 2) < 0 ? low : high) = (low + high) / 2;
  const at::Tensor loss = w.square().sum() / 2 + 2 * (1 - y * (x.mv(w) + low)).clamp_min(0).square().sum();
  EXPECT_LT(gradient(loss, w).abs().max().item<double>(), 1e-3);
}

// Whole steps of Newton go round in circles on these five points; the values are those of a damped search in NumPy.
TEST(Svm, ComesToItsMinimumWhereWholeStepsDoNot) {
  const at::Tensor x =
      at::tensor({-3.0, -22.3, 12.5, 30.4, 4.3, -9.4, 1.2, 0.4, -12.4, -0.1}, at::kDouble).view({5, 2});
  const at::Tensor y = at::tensor({-1.0, 1.0, 1.0, -1.0, -1.0}, at::kDouble);
  EXPECT_TRUE(at::allclose(svm_normal(x, y, 1), at::tensor({0.39427516, -0.07255914}, at::kDouble), 0, 1e-7));
}

TEST(Directions, AUsersIsTheWayBetweenTwoMeans) {
  ScaledModel model(3, 4);
  Rng rng(0);
  const at::Tensor from = at::zeros({2, 3}), to = at::tensor({0.f, 0.f, 3.f, 0.f, 0.f, 1.f}).view({2, 3});
  const Directions d = user_direction(model, "up", from, to, rng);
  EXPECT_TRUE(at::allclose(d.ways, at::tensor({0.f, 0.f, 1.f}).view({1, 3})));
  EXPECT_TRUE(at::allclose(move(d, 0, from, 2).select(1, 2), 2 * d.spread.expand(2)));
  EXPECT_THROW(user_direction(model, "up", from, from, rng), UserError);
}

TEST(Directions, AreReadBackForTheirModelAlone) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("d.npz");
  ScaledModel model(5, 12), other(5, 12);
  other.hash = "another";
  const Directions d = found(model, "sefa");
  write_directions(path, model, d);
  const Directions back = read_directions(path, model);
  EXPECT_EQ(back.kind, "sefa");
  EXPECT_EQ(back.names, d.names);
  EXPECT_TRUE(back.ways.equal(d.ways) && back.spread.equal(d.spread));
  EXPECT_EQ(find_direction(back, "sefa2"), 2);
  EXPECT_EQ(find_direction(back, "1"), 1);
  EXPECT_THROW(find_direction(back, "3"), UserError);
  EXPECT_THROW(find_direction(back, "sefa9"), UserError);
  EXPECT_THROW(read_directions(path, other), UserError);
}

}  // namespace
}  // namespace obverse
