#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/draws.h"
#include "obverse/data/named.h"

namespace obverse {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct MixtureRow {
  std::string name;
  Mixture (*make)();
};

Mixture ring() {
  at::Tensor means = at::empty({8, 2}, at::kDouble);
  auto* xy = means.data_ptr<double>();
  for (int i = 0; i < 8; ++i) xy[2 * i] = std::cos(kPi * i / 4), xy[2 * i + 1] = std::sin(kPi * i / 4);
  return {means, 0.01};
}

Mixture grid() {
  const at::Tensor line = at::arange(-4, 5, 2, at::kDouble);
  return {at::cartesian_prod({line, line}), 0.05};
}

const std::vector<MixtureRow>& mixture_table() {
  static const std::vector<MixtureRow> table = {{"ring", ring}, {"grid", grid}};
  return table;
}

template <class Point>  // Point(Draws&, float* xy)
Dataset toy(const std::string& name, const std::string& split, Point&& point) {
  Draws draws(name + " " + split);
  Dataset data;
  data.name = name;
  data.domain = {Domain::Kind::points, {2}, 0, {}};
  data.samples = at::empty({split == "train" ? 100'000 : 10'000, 2}, at::kFloat);
  auto* xy = data.samples.data_ptr<float>();
  for (int64_t i = 0; i < data.size(); ++i) point(draws, xy + 2 * i);
  return data;
}

Dataset mixture_points(const std::string& name, const std::string& split) {
  const Mixture mixture = mixture_of(name);
  const auto* means = mixture.means.data_ptr<double>();
  return toy(name, split, [&](Draws& draws, float* xy) {
    const int64_t mode = draws.integer(mixture.means.size(0));
    for (int d = 0; d < 2; ++d) xy[d] = static_cast<float>(means[2 * mode + d] + mixture.std * draws.normal());
  });
}

}  // namespace

Mixture mixture_of(const std::string& name) { return find_row(mixture_table(), "mixture", name).make(); }

Dataset load_ring(const DataOptions&, const std::string& split) { return mixture_points("ring", split); }
Dataset load_grid(const DataOptions&, const std::string& split) { return mixture_points("grid", split); }

Dataset load_swiss_roll(const DataOptions&, const std::string& split) {
  return toy("swiss-roll", split, [](Draws& draws, float* xy) {
    const double t = 1.5 * kPi * (1 + 2 * draws.uniform());
    xy[0] = static_cast<float>((t * std::cos(t) + draws.normal()) / 5);
    xy[1] = static_cast<float>((t * std::sin(t) + draws.normal()) / 5);
  });
}

}  // namespace obverse
