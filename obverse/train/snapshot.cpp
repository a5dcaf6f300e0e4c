#include "obverse/train/snapshot.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/rng.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

constexpr int64_t kPoints = 4096, kInterpolated = 8;

at::Tensor picture(const Domain& domain, const at::Tensor& x, int64_t columns) {
  if (domain.kind == Domain::Kind::points) return draw_points(x, std::max(1.5, 1.1 * x.abs().max().item<double>()));
  return tile_images(to_bytes(x), columns);
}

}  // namespace

SnapshotGrid::SnapshotGrid(const LatentModel& model, uint64_t seed) {
  if (model.domain().kind == Domain::Kind::points) count_ = kPoints;
  if (model.classes() > 0) {  // a column a class
    columns_ = std::min<int64_t>(model.classes(), 20);
    count_ = rows_ * columns_;
    y_ = at::arange(columns_, at::kLong).repeat({rows_});
  }
  Rng rng(seed, "snapshot");
  z_ = model.spaces().front().draw(std::max(count_, 2 * kInterpolated), rng);
}

void SnapshotGrid::translate(const Dataset& data) {
  constexpr int64_t kEach = 24;  // of either class
  std::vector<at::Tensor> codes;
  for (int64_t k = 0; k < 2; ++k)
    codes.push_back(data.get((data.labels == k).nonzero().squeeze(1).slice(0, 0, kEach)).x);
  y_ = at::cat({at::ones({codes[0].size(0)}, at::kLong), at::zeros({codes[1].size(0)}, at::kLong)});
  z_ = at::cat(codes);
  columns_ = 12;
  shows_codes_ = true;
}

at::Tensor SnapshotGrid::draw(LatentModel& model) const {
  if (shows_codes_)
    return picture(model.domain(), at::stack({z_, decode_all(model, z_, y_)}, 1).flatten(0, 1), columns_);
  return picture(model.domain(), decode_all(model, z_.slice(0, 0, count_), y_), columns_);
}

at::Tensor SnapshotGrid::samples(LatentModel& model, int64_t n) const {
  return decode_all(model, z_.slice(0, 0, n), y_.defined() ? y_.slice(0, 0, n) : y_);
}

at::Tensor SnapshotGrid::draw_real(const Batch& real) const {
  const Domain domain{real.x.dim() == 4 ? Domain::Kind::image : Domain::Kind::points, {}, 0, {}};
  if (!y_.defined() || shows_codes_)
    return picture(domain, real.x.narrow(0, 0, std::min(count_, real.x.size(0))), columns_);
  std::vector<at::Tensor> rows(static_cast<size_t>(count_), at::full_like(real.x[0], -1));
  for (int64_t c = 0; c < columns_; ++c) {
    const at::Tensor of_class = (real.y == c).nonzero().flatten();
    for (int64_t r = 0; r < std::min(rows_, of_class.size(0)); ++r)
      rows[static_cast<size_t>(r * columns_ + c)] = real.x[of_class[r].item<int64_t>()];
  }
  return picture(domain, at::stack(rows), columns_);
}

at::Tensor SnapshotGrid::draw_interpolations(LatentModel& model) const {
  constexpr int64_t kRows = kInterpolated, kSteps = 12;
  const at::Tensor a = z_.narrow(0, 0, kRows), b = z_.narrow(0, kRows, kRows);
  std::vector<at::Tensor> steps;
  for (int64_t i = 0; i < kSteps; ++i) steps.push_back(slerp(a, b, static_cast<double>(i) / (kSteps - 1)));
  const at::Tensor z = at::stack(steps, 1).flatten(0, 1);  // [rows * steps, D], row by row
  at::Tensor y;
  if (y_.defined()) y = at::arange(kRows, at::kLong).remainder(model.classes()).repeat_interleave(kSteps);
  return picture(model.domain(), decode_all(model, z, y), kSteps);
}

at::Tensor draw_points(const at::Tensor& points, double extent, int64_t side) {
  const at::Tensor shown = points.size(1) == 1 ? at::cat({points, at::zeros_like(points)}, 1) : points.narrow(1, 0, 2);
  const at::Tensor cells = ((shown / extent + 1) * 0.5 * side).floor().to(at::kLong);
  const at::Tensor inside = ((cells >= 0) & (cells < side)).all(1);
  const at::Tensor kept = cells.index({inside});
  const at::Tensor index = (side - 1 - kept.select(1, 1)) * side + kept.select(1, 0);
  const at::Tensor counts = at::bincount(index, {}, side * side).to(at::kFloat);
  return (255 - (counts * 90).clamp(0, 255)).to(at::kByte).view({1, side, side});
}

at::Tensor slerp(const at::Tensor& a, const at::Tensor& b, double t) {
  const at::Tensor norm_a = a.norm(2, {1}, true), norm_b = b.norm(2, {1}, true);
  const at::Tensor u = a / norm_a, v = b / norm_b;
  const at::Tensor angle = (u * v).sum(1, true).clamp(-1 + 1e-6, 1 - 1e-6).acos();
  const at::Tensor direction = (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / angle.sin();
  return direction * ((1 - t) * norm_a + t * norm_b);
}

}  // namespace obverse
