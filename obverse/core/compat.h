#pragma once

// Everything in which LibTorch 1.13 and 2.x differ for us.
#include <c10/core/AutogradState.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/api/include/torch/version.h>

#define OBVERSE_TORCH_2 (TORCH_VERSION_MAJOR >= 2)
