#pragma once

#include <c10/core/Device.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

#include <string_view>

namespace obverse {

/// Where and how networks compute. Master weights, losses and penalties stay in float32 whatever `compute` says.
struct Placement {
  c10::Device device = c10::kCPU;
  c10::ScalarType compute = c10::kFloat;                              // of convolutions and linear layers
  c10::MemoryFormat memory_format = c10::MemoryFormat::ChannelsLast;  // of [N, C, H, W] activations
};

/// precision: "auto" (bfloat16 where the processor computes in it, else float32), "float32" or "bfloat16".
Placement choose_placement(std::string_view precision);

}  // namespace obverse
