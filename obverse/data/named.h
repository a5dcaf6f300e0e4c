#pragma once

#include <string>

#include "obverse/data/dataset.h"

namespace obverse {

/// The loaders of dataset_table(). split: "train" or "test".
Dataset load_fashion_mnist(const DataOptions& options, const std::string& split);
Dataset load_mnist(const DataOptions& options, const std::string& split);
Dataset load_stacked_mnist(const DataOptions& options, const std::string& split);
Dataset load_emoji(const DataOptions& options, const std::string& split);
Dataset load_emoji_apple(const DataOptions& options, const std::string& split);
Dataset load_emoji_google(const DataOptions& options, const std::string& split);
Dataset load_shapes(const DataOptions& options, const std::string& split);
Dataset load_ring(const DataOptions& options, const std::string& split);
Dataset load_grid(const DataOptions& options, const std::string& split);
Dataset load_swiss_roll(const DataOptions& options, const std::string& split);

}  // namespace obverse
