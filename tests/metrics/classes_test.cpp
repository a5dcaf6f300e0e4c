#include "obverse/metrics/classes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

TEST(InceptionScore, IsTheNumberOfClassesWhenAllAreSeenForCertainAndOneWhenOneIs) {
  const at::Tensor certain = at::eye(5, at::kDouble).repeat({40, 1}) * 1000;
  EXPECT_NEAR(inception_score(certain).value, 5, 1e-9);
  EXPECT_NEAR(inception_score(certain).standard_error, 0, 1e-9);
  EXPECT_NEAR(inception_score(certain[0].expand({100, 5})).value, 1, 1e-9);
  EXPECT_NEAR(inception_score(at::zeros({100, 5})).value, 1, 1e-9);  // never sure
  EXPECT_THROW(inception_score(at::zeros({19, 5})), UserError);
}

TEST(InceptionScore, AgreesWithNumPy) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const at::Tensor scores = find_tensor(f, "inception_scores", "fixture");
  const InceptionScore score = inception_score(find_tensor(f, "logits", "fixture"));
  EXPECT_NEAR(score.value, scores.mean().item<double>(), 1e-10);
  EXPECT_NEAR(score.standard_error, scores.std().item<double>() / std::sqrt(10.0), 1e-10);
}

}  // namespace
}  // namespace obverse
