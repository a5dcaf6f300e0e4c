#include "obverse/core/placement.h"

#include "obverse/core/engine.h"
#include "obverse/core/error.h"

namespace obverse {

Placement choose_placement(std::string_view precision) {
  Placement placement;
  if (precision == "bfloat16" || (precision == "auto" && processor_has_bfloat16())) {
    placement.compute = c10::kBFloat16;
  } else if (precision != "float32" && precision != "auto") {
    fail("unknown precision '{}': use auto, float32 or bfloat16", precision);
  }
  return placement;
}

}  // namespace obverse
