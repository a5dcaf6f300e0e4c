#include "obverse/core/student.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace obverse {
namespace {

TEST(Student, AgreesWithPrintedTables) {
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_NEAR(student_quantile(0.05, 1), 12.7062, 1e-3);
  EXPECT_NEAR(student_quantile(0.05, 2), 4.30265, 1e-4);
  EXPECT_NEAR(student_quantile(0.05, 9), 2.262157, 1e-5);
  EXPECT_NEAR(student_quantile(0.01, 30), 2.749996, 1e-5);
  EXPECT_NEAR(student_quantile(0.05, infinite), 1.959964, 1e-5);
  EXPECT_NEAR(student_p_value(-1, 1), 0.5, 1e-9);  // Cauchy
  EXPECT_NEAR(student_p_value(0, 4.5), 1, 1e-9);
}

}  // namespace
}  // namespace obverse
