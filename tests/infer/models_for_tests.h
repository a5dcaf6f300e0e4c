#pragma once

#include <ATen/ATen.h>

#include "obverse/models/latent_model.h"

namespace obverse {

/// A decoder of points without networks.
class FormulaModel : public LatentModel {
 public:
  FormulaModel(int64_t codes, int64_t numbers) : codes_(codes) {
    domain_.kind = Domain::Kind::points;
    domain_.shape = {numbers};
  }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {codes_}}}; }

 protected:
  int64_t codes_;
  Domain domain_;
};

/// G(z) = A z + b, whose most probable codes are known; E its exact inverse; f(x) = 3 x.
class LinearModel : public FormulaModel {
 public:
  LinearModel(int64_t codes, int64_t numbers) : FormulaModel(codes, numbers) {
    Rng rng(11, "linear model");
    a_ = rng.normal({numbers, codes});
    b_ = rng.normal({numbers});
  }
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override { return at::matmul(z, a_.t()) + b_; }
  bool can_encode() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor&) override { return most_probable(x, 0); }
  bool has_features() const override { return true; }
  at::Tensor features(const at::Tensor& x) override { return 3 * x; }
  /// argmin ||A z + b - x||^2 / P + w ||z||^2 / (2 P) = (A^T A + w / 2)^-1 A^T (x - b)
  at::Tensor most_probable(const at::Tensor& x, double prior_weight) const {
    const at::Tensor a = a_.to(at::kDouble), right = at::matmul((x - b_).to(at::kDouble), a);
    const at::Tensor left = at::matmul(a.t(), a) + prior_weight / 2 * at::eye(codes_, at::kDouble);
    return at::linalg_solve(left, right.t()).t().to(at::kFloat);
  }
  const at::Tensor& matrix() const { return a_; }  // [numbers, codes]
  const at::Tensor& offset() const { return b_; }  // [numbers]

 private:
  at::Tensor a_, b_;
};

/// G(z) = A z^2, so G(z) = G(-z), number by number. Counts the codes it decodes.
class EvenModel : public FormulaModel {
 public:
  EvenModel() : FormulaModel(4, 10) {
    Rng rng(12, "even model");
    a_ = rng.normal({10, 4});
  }
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override {
    decoded += z.size(0);
    return at::matmul(z.square(), a_.t());
  }
  int64_t decoded = 0;

 private:
  at::Tensor a_;
};

/// G(z, y) = A_y z + 4 e_y: classes are apart, and each spans its own subspace.
class ClassModel : public FormulaModel {
 public:
  explicit ClassModel(int64_t classes) : FormulaModel(3, 12), classes_(classes) {
    Rng rng(13, "class model");
    a_ = rng.normal({classes, 12, 3});
    b_ = 4 * at::eye(classes, 12);
  }
  int64_t classes() const override { return classes_; }
  at::Tensor decode(const at::Tensor& z, const at::Tensor& y) override {
    return at::bmm(a_.index_select(0, y), z.unsqueeze(2)).squeeze(2) + b_.index_select(0, y);
  }
  bool can_encode() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override {  // least squares within the class
    const at::Tensor a = a_.index_select(0, y), off = (x - b_.index_select(0, y)).unsqueeze(2);
    return at::linalg_solve(at::bmm(a.transpose(1, 2), a), at::bmm(a.transpose(1, 2), off)).squeeze(2);
  }

 private:
  int64_t classes_;
  at::Tensor a_, b_;
};

}  // namespace obverse
