#include <gtest/gtest.h>

#include "obverse/core/engine.h"

int main(int argc, char** argv) {
  obverse::start_engine();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
