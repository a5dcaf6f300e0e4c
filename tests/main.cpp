#include <gtest/gtest.h>

#include "obverse/core/engine.h"

int main(int argc, char** argv) {
  obverse::start_engine(1);  // small tensors gain nothing from threads, and test programs run side by side
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
