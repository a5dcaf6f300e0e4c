#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/infer/code_space.h"
#include "obverse/infer/optimise.h"

namespace obverse {
namespace {

// Squared distances of images to a pool of decoded codes, up to a constant an image. x: [n, ...], pool: [K, ...]; [n,
// K].
at::Tensor distances(const at::Tensor& x, const at::Tensor& pool) {
  const at::Tensor flat = pool.flatten(1);
  return flat.square().sum(1) - 2 * at::matmul(x.flatten(1), flat.t());
}

// The `k` nearest of the pool's rows, whose classes go 0, 1, .., 0, 1, ... y: [n] to keep to an image's class, or
// undefined for k of every class. distance: [n, J classes]; returns rows of the pool [n, k] or [n, k classes].
at::Tensor nearest_rows(const at::Tensor& distance, const at::Tensor& y, int64_t classes, int64_t k) {
  at::Tensor by_class = distance.view({distance.size(0), -1, classes});  // [n, J, classes]
  at::Tensor label = at::arange(classes);
  if (y.defined()) {
    const at::Tensor column = y.view({-1, 1, 1});  // [n, 1, 1]
    by_class = by_class.gather(2, column.expand({-1, by_class.size(1), 1}));
    label = column;
  }
  const at::Tensor rows = std::get<1>(by_class.topk(k, 1, /*largest=*/false));  // [n, k, classes or 1]
  return (rows * classes + label).flatten(1);
}

}  // namespace

Starts draw_starts(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const OptimiseOptions& options,
                   Rng& rng) {
  const bool conditional = model.classes() > 0;
  const int64_t classes = std::max<int64_t>(1, model.classes());
  const at::Tensor known = conditional ? y : at::Tensor();
  const bool every_class = conditional && !known.defined();
  const int64_t k = every_class ? (options.restarts + classes - 1) / classes : options.restarts;
  const int64_t each = std::max(k, (options.pool + classes - 1) / classes);  // codes of a class
  const at::Tensor label = at::arange(classes).repeat({each});
  const at::Tensor code = draw_codes(model, each * classes, conditional ? label : at::Tensor(), rng);
  const at::Tensor decoded = decode_all(model, code, conditional ? label : at::Tensor());
  std::vector<at::Tensor> chosen;
  const int64_t slice = 1024;
  for (int64_t i = 0; i < x.size(0); i += slice) {
    const at::Tensor part = x.slice(0, i, i + slice);
    chosen.push_back(nearest_rows(distances(part, decoded), known.defined() ? known.slice(0, i, i + slice) : known,
                                  every_class || known.defined() ? classes : 1, k));
  }
  const at::Tensor rows = at::cat(chosen);  // [N, candidates an image]
  const at::Tensor image = at::arange(x.size(0)).repeat_interleave(rows.size(1));
  return {code.index_select(0, rows.flatten()), conditional ? label.index_select(0, rows.flatten()) : at::Tensor(),
          image};
}

}  // namespace obverse
