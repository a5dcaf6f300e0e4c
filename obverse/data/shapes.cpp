#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <cmath>

#include "obverse/data/draws.h"
#include "obverse/data/factors.h"
#include "obverse/data/named.h"
#include "obverse/data/sources.h"

namespace obverse {
namespace {

constexpr int64_t kSide = 32, kFactors = 6;
constexpr std::array<int64_t, kFactors> kSizes = {3, 4, 8, 5, 5, 6};
constexpr std::array<std::array<int, 3>, 6> kColours = {
    {{230, 60, 50}, {240, 190, 40}, {70, 190, 80}, {60, 200, 220}, {80, 110, 240}, {220, 90, 220}}};

// Whether a point in the shape's own frame, about a unit across either way from its middle, lies inside.
bool inside(int64_t shape, double x, double y) {
  switch (shape) {
    case 0:
      return y > -0.8 && std::abs(x) < 0.55 * (1 - y) / 1.8;  // a wedge that points along y
    case 1:
      return y > -0.4 && x * x + (y + 0.4) * (y + 0.4) < 1;  // a half disc
    default:
      return std::abs(x) < 0.7 && std::abs(y) < 0.9 && (x < -0.15 || y < -0.4);  // an L
  }
}

}  // namespace

at::Tensor draw_shape(const std::vector<int64_t>& f) {
  const double scale = 4 + 1.2 * static_cast<double>(f[1]), turn = 2 * M_PI * static_cast<double>(f[2]) / 8;
  const double cx = 10 + 3 * static_cast<double>(f[3]), cy = 10 + 3 * static_cast<double>(f[4]);
  const auto& colour = kColours[static_cast<size_t>(f[5])];
  at::Tensor image = at::zeros({3, kSide, kSide}, at::kByte);
  auto* pixel = image.data_ptr<uint8_t>();
  for (int64_t row = 0; row < kSide; ++row)
    for (int64_t column = 0; column < kSide; ++column) {
      int hits = 0;
      for (int part = 0; part < 4; ++part) {
        const double dx = (static_cast<double>(column) + 0.25 + 0.5 * (part % 2) - cx) / scale;
        const double dy = (static_cast<double>(row) + 0.25 + 0.5 * (part / 2) - cy) / scale;
        hits += inside(f[0], std::cos(turn) * dx + std::sin(turn) * dy, std::cos(turn) * dy - std::sin(turn) * dx);
      }
      for (int c = 0; hits > 0 && c < 3; ++c)
        pixel[(c * kSide + row) * kSide + column] = static_cast<uint8_t>(colour[static_cast<size_t>(c)] * hits / 4);
    }
  return image;
}

FactorTable shape_factors(const std::string& split) {
  FactorTable table{{"shape", "size", "angle", "x", "y", "colour"}, {kSizes.begin(), kSizes.end()}, {}};
  Draws draws("shapes " + split);
  table.values = at::empty({split == "test" ? 5'000 : 20'000, kFactors}, at::kLong);
  auto* value = table.values.data_ptr<int64_t>();
  for (int64_t i = 0; i < table.values.numel(); ++i)
    value[i] = draws.integer(kSizes[static_cast<size_t>(i % kFactors)]);
  return table;
}

Dataset load_shapes(const DataOptions& options, const std::string& split) {
  const FactorTable table = shape_factors(split);
  const int64_t n = table.values.size(0);
  at::Tensor images = at::empty({n, 3, kSide, kSide}, at::kByte);
  const auto* value = table.values.data_ptr<int64_t>();
  at::parallel_for(0, n, 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      images[i].copy_(draw_shape({value + i * kFactors, value + (i + 1) * kFactors}));
  });
  return image_dataset("shapes", images, table.values.select(1, 0).contiguous(), {"wedge", "half disc", "L"}, options);
}

}  // namespace obverse
