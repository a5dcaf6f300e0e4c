#include "obverse/data/dataset.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/data/named.h"
#include "obverse/data/sources.h"
#include "obverse/io/files.h"

namespace obverse {

std::string Domain::text() const {
  const std::string what = kind == Kind::image ? fmt::format("{} images", fmt::join(shape, "x"))
                           : columns.empty()
                               ? fmt::format("points in {} dimensions", shape.at(0))
                               : fmt::format("rows of {} columns, {} numbers each", columns.size(), shape.at(0));
  return classes.empty() ? what : fmt::format("{}, {} classes", what, classes.size());
}

// 0..255 to [-1, 1].
static const std::array<float, 256>& byte_values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> v;
    for (int i = 0; i < 256; ++i) v[static_cast<size_t>(i)] = static_cast<float>(i / 127.5 - 1);
    return v;
  }();
  return values;
}

// Chosen rows of bytes as floats, in one pass. A plain loop: a batch is too small to be worth waking threads for.
static at::Tensor images_of(const at::Tensor& samples, const at::Tensor& rows) {
  std::vector<int64_t> shape = samples.sizes().vec();
  shape[0] = rows.size(0);
  at::Tensor x = at::empty(shape, at::kFloat);
  const at::Tensor bytes = samples.contiguous(), index = rows.contiguous();
  const int64_t n = samples.size(0), width = samples.numel() / std::max<int64_t>(1, n);
  const auto& values = byte_values();
  auto* out = x.data_ptr<float>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const int64_t row = index.data_ptr<int64_t>()[i];
    if (row < 0 || row >= n) throw std::out_of_range("a row outside the data set");
    const uint8_t* in = bytes.data_ptr<uint8_t>() + row * width;
    for (int64_t j = 0; j < width; ++j) *out++ = values[in[j]];
  }
  return x;
}

Batch Dataset::get(const at::Tensor& rows) const {
  Batch batch;
  batch.x = domain.kind == Domain::Kind::image ? images_of(samples, rows) : samples.index_select(0, rows);
  if (labels.defined()) batch.y = labels.index_select(0, rows);
  return batch;
}

Batch Dataset::head(int64_t n) const {
  if (n > size()) fail("{}: {} samples wanted, the {} split has {}", name, n, split, size());
  return get(at::arange(n < 0 ? size() : n, at::kLong));
}

Batch Dataset::draw(int64_t n, Rng& rng) const {
  if (n > size()) fail("{}: {} samples wanted, the {} split has {}", name, n, split, size());
  return get(rng.permutation(size()).slice(0, 0, n));
}

std::string Dataset::hash() const {
  const auto content = [](const at::Tensor& t) {
    const at::Tensor plain = t.contiguous();
    return fmt::format("{}[{}]{}", c10::toString(plain.scalar_type()), fmt::join(plain.sizes().vec(), ","),
                       sha256(plain.data_ptr(), plain.nbytes()));
  };
  return sha256(content(samples) + (labels.defined() ? content(labels) : ""));
}

void DataOptions::describe(Fields& f) {
  f("source", source,
    "a data set known by name, or a path: a folder of PNG or JPEG, a .zip, a .npz, a .csv, an IDX file");
  f("path", path, "where a named data set lies, if not in its usual place");
  f("size", size, "crop images to a square in the middle and resize them to size x size; 0: as they are",
    Range{0, 4096});
  f("labels", labels, "use labels where there are any");
  f("classes", classes, "keep the samples of these classes alone, by number; none: all", kNotNegative);
  f("held_out", held_out, "share of the training split that is kept from training, to calibrate on", Range{0, 0.9});
  f("label", label, "of a .csv: the column that holds labels; none: the samples have none");
  f("categorical", categorical, "of a .csv: columns to take as categories though they hold numbers");
  f("drop", drop, "of a .csv: columns to leave out");
  f("limit", limit, "use only the first samples of the training split; 0: all", kNotNegative);
}

const std::vector<DatasetRow>& dataset_table() {
  static const std::vector<DatasetRow> table = {
      {"fashion-mnist", "Xiao 2017: 60,000 + 10,000 grey images of garments, 28x28, 10 classes", load_fashion_mnist},
      {"mnist", "LeCun 1998: 60,000 + 10,000 grey images of digits, 28x28, 10 classes", load_mnist},
      {"stacked-mnist", "Metz 2017: three random MNIST digits as red, green and blue, 1000 classes",
       load_stacked_mnist},
      {"emoji", "npm emoji-datasource 16: half of the emoji in Apple's style, the others in Google's, 64x64 on white",
       load_emoji},
      {"emoji-apple", "npm emoji-datasource-apple 16: emoji, 64x64 on white", load_emoji_apple},
      {"emoji-google", "npm emoji-datasource-google 16: emoji, 64x64 on white", load_emoji_google},
      {"shapes", "after Matthey 2017 (dSprites): one of 3 shapes, of 4 sizes, 8 angles, 25 places, 6 colours, 32x32",
       load_shapes},
      {"ring", "Srivastava 2017 (VEEGAN): 8 Gaussians of std 0.01 on a circle of radius 1", load_ring},
      {"grid", "Srivastava 2017 (VEEGAN): 25 Gaussians of std 0.05 at {-4, -2, 0, 2, 4}^2", load_grid},
      {"swiss-roll", "Grathwohl 2019 (FFJORD): t (cos t, sin t) plus noise of std 1, over 5; t in [1.5 pi, 4.5 pi]",
       load_swiss_roll},
  };
  return table;
}

bool is_path(const std::string& source) {
  for (const DatasetRow& row : dataset_table())
    if (row.name == source) return false;
  return source.find_first_of("/.") != std::string::npos || std::filesystem::exists(source);
}

static void keep(Dataset& data, const at::Tensor& rows) {
  data.samples = data.samples.index_select(0, rows);
  if (data.labels.defined()) data.labels = data.labels.index_select(0, rows);
}

static void keep_range(Dataset& data, int64_t begin, int64_t end) {
  data.samples = data.samples.slice(0, begin, end);
  if (data.labels.defined()) data.labels = data.labels.slice(0, begin, end);
}

Dataset of_classes(const Dataset& data, const std::vector<int64_t>& classes) {
  if (!data.labels.defined()) fail("data.classes: {} has no labels to choose by: leave it out", data.name);
  const auto count = static_cast<int64_t>(data.domain.classes.size());
  at::Tensor wanted = at::zeros({data.size()}, at::kBool);
  for (const int64_t k : classes) {
    if (k >= count) fail("data.classes: {}: {} has classes 0 to {}", k, data.name, count - 1);
    wanted.logical_or_(data.labels == k);
  }
  Dataset chosen = data;
  keep(chosen, wanted.nonzero().squeeze(1));
  if (chosen.size() == 0) fail("data.classes: no sample of {} is of them", data.name);
  return chosen;
}

static void check_options(const DataOptions& options) {
  if (is_csv(options.source)) return;
  for (const auto& [key, set] : {std::pair{"label", !options.label.empty()},
                                 {"categorical", !options.categorical.empty()},
                                 {"drop", !options.drop.empty()}})
    if (set) fail("data.{} is of tables: {} is no .csv: leave it out", key, options.source);
}

static Dataset load_split(const DataOptions& options, const std::string& split,
                          const std::vector<TableColumn>& columns) {
  if (split == "all") {
    Dataset all = load_split(options, "train", columns);
    const Dataset test = load_split(options, "test", columns);
    all.split = split;
    all.samples = at::cat({all.samples, test.samples});
    if (all.labels.defined()) all.labels = at::cat({all.labels, test.labels});
    return all;
  }
  if (split != "train" && split != "test" && split != "held-out")
    fail("unknown split '{}': use train, test, held-out or all", split);
  if (options.source.empty()) fail("no data set was named: say which with --data");
  const std::string source_split = split == "test" ? "test" : "train";
  Dataset data = is_path(options.source)
                     ? load_path(options, source_split, columns)
                     : find_row(dataset_table(), "data set", options.source).load(options, source_split);
  data.split = split;
  if (options.size > 0 && data.domain.kind != Domain::Kind::image)
    fail("data.size: {} holds {}, no images: leave it out", options.source, data.domain.text());
  if (!options.classes.empty()) data = of_classes(data, options.classes);
  if (!options.labels) data.labels = at::Tensor(), data.domain.classes.clear();
  const auto apart = static_cast<int64_t>(std::ceil(options.held_out * static_cast<double>(data.size())));
  if (split == "held-out" && apart == 0) fail("{}: nothing is held out: set data.held_out", options.source);
  if (split == "held-out") keep_range(data, data.size() - apart, data.size());
  if (split == "train" && apart > 0) keep_range(data, 0, data.size() - apart);
  if (options.limit > 0 && options.limit < data.size() && split == "train") keep_range(data, 0, options.limit);
  return data;
}

// What a table's columns are when the rows of `train` alone tell their scales.
static std::vector<TableColumn> scaled_by(const Dataset& train) {
  std::vector<TableColumn> columns = train.domain.columns;
  int64_t at = 0;
  for (TableColumn& column : columns) {
    const int64_t width = column.width();
    if (column.categories.empty()) {
      at::Tensor value = train.samples.select(1, at).to(at::kDouble);
      if (column.missing) value = value.masked_select(train.samples.select(1, at + width - 1) < 0.5);
      if (value.size(0) > 0) {
        const double std = value.std(/*unbiased=*/false).item<double>();
        column.mean += column.std * value.mean().item<double>();
        column.std *= std > 0 ? std : 1;
      }
    }
    at += width;
  }
  return columns;
}

Dataset load_dataset(const DataOptions& options, const std::string& split) {
  check_options(options);
  if (!is_csv(options.source)) return load_split(options, split, {});
  const Dataset train = load_split(options, "train", {});  // by the scales of all rows
  Dataset data = load_split(options, split, scaled_by(train));
  data.notices = train.notices;
  return data;
}

Dataset load_dataset_like(const DataOptions& options, const std::string& split,
                          const std::vector<TableColumn>& columns) {
  if (columns.empty() || !is_csv(options.source)) return load_dataset(options, split);
  return load_split(options, split, columns);
}

}  // namespace obverse
