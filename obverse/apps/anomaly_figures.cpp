#include "obverse/apps/anomaly_figures.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>

#include "obverse/io/image.h"

namespace obverse {
namespace {

constexpr int64_t kShown = 16, kMaps = 256;

// The images of rows, heat maps below them.
void write_rows(const std::string& path, const at::Tensor& x, const at::Tensor& map, const at::Tensor& rows,
                double scale) {
  const at::Tensor shown = x.index_select(0, rows);
  std::vector<at::Tensor> lines = {to_bytes(shown.size(1) == 3 ? shown : shown.expand({-1, 3, -1, -1}))};
  if (map.defined()) lines.push_back(heat_images(shown, map.index_select(0, rows), scale));
  write_png(path, tile_images(at::cat(lines), rows.size(0)));
}

// In folders like those of the pictures, whose names they keep.
void write_maps(const std::string& folder, const ScoredData& data, const at::Tensor& heat, const at::Tensor& rows) {
  const auto* r = rows.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    std::filesystem::path path = folder;
    for (const auto& part : std::filesystem::path(data.names[static_cast<size_t>(r[i])]).relative_path())
      if (part != "..") path /= part;
    if (path.extension() != ".png") path += ".png";
    std::filesystem::create_directories(path.parent_path());
    write_png(path.string(), heat[i]);
  }
}

}  // namespace

at::Tensor heat_images(const at::Tensor& x, const at::Tensor& map, double scale) {
  const at::Tensor grey = 0.7 * (x.mean(1) + 1) / 2, heat = (map / std::max(scale, 1e-12)).clamp(0, 1);  // [N, H, W]
  const at::Tensor cold = grey * (1 - heat);
  return to_bytes(2 * at::stack({cold + heat, cold + 0.25 * heat, cold}, 1) - 1);
}

void write_anomaly_figures(const std::string& folder, const ScoredData& data, const AnomalyScores& scores,
                           const Detector& detector) {
  if (data.x.dim() != 4) return;
  const at::Tensor order = scores.value.argsort(0, /*descending=*/true);
  const int64_t shown = std::min(kShown, order.size(0));
  double scale = 1;
  if (scores.map.defined()) {  // what the strangest places of the strangest images reach
    const at::Tensor peaks = scores.map.flatten(1).amax(1);
    scale = at::quantile(peaks, 0.95).item<double>();
  }
  write_rows(folder + "/strangest.png", data.x, scores.map, order.slice(0, 0, shown), scale);
  write_rows(folder + "/plainest.png", data.x, scores.map, order.slice(0, order.size(0) - shown), scale);
  if (data.names.empty() || !scores.map.defined()) return;
  const at::Tensor alarms = order.slice(0, 0, (scores.value > detector.threshold).sum().item<int64_t>());
  const at::Tensor rows = alarms.slice(0, 0, kMaps).contiguous();
  if (rows.size(0) > 0)
    write_maps(folder + "/maps", data,
               heat_images(data.x.index_select(0, rows), scores.map.index_select(0, rows), scale), rows);
}

}  // namespace obverse
