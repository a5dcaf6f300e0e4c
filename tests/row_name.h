#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace obverse {

/// Names a test of a table's row after the row: "wgan-gp" becomes "wgan_gp".
struct RowName {
  template <class Row>
  std::string operator()(const ::testing::TestParamInfo<Row>& row) const {
    std::string name = row.param.name;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }
};

}  // namespace obverse
