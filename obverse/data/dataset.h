#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "obverse/core/rng.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// A column of a table, and how its values become numbers. It stands in the model's file, so that other files of the
/// same table are read alike.
struct TableColumn {
  std::string name;
  std::vector<std::string> categories;  // a number each, 1 where the value is that; empty: the column is of numbers
  double mean = 0, std = 1;             // of a column of numbers, which become (value - mean) / std
  bool missing = false;                 // a further number is 1 where the value is missing
  int64_t width() const { return (categories.empty() ? 1 : static_cast<int64_t>(categories.size())) + missing; }
};

/// What one sample is: models, metrics and files check against it.
struct Domain {
  enum class Kind { image, points };
  Kind kind = Kind::image;
  std::vector<int64_t> shape;             // of one sample: {C, H, W} for images in [-1, 1], {D} for points
  int64_t levels = 256;                   // of an image's channel; 0: continuous
  std::vector<std::string> classes;       // class names; empty: no labels
  std::vector<TableColumn> columns = {};  // of points that are rows of a table
  bool operator==(const Domain& o) const { return kind == o.kind && shape == o.shape && levels == o.levels; }
  std::string text() const;  // "1x28x28 images, 10 classes"
};

/// N samples in the domain and their labels.
struct Batch {
  at::Tensor x;  // [N, ...] float32, images in [-1, 1]
  at::Tensor y;  // [N] int64; undefined when there are no labels
};

/// A data set held in memory: images as bytes, points as floats.
struct Dataset {
  std::string name;   // "fashion-mnist"
  std::string split;  // "train", "test", ...
  Domain domain;
  at::Tensor samples;                     // uint8 [N, C, H, W] for images, float32 [N, D] for points
  at::Tensor labels;                      // int64 [N] or undefined
  std::vector<std::string> notices = {};  // what was left out or filled in, a line each

  int64_t size() const { return samples.size(0); }
  /// rows: int64 [N]; returns these samples as floats of the domain.
  Batch get(const at::Tensor& rows) const;
  /// The first `n` samples (all by default), or `n` drawn without replacement.
  Batch head(int64_t n = -1) const;
  Batch draw(int64_t n, Rng& rng) const;
  /// SHA-256 of samples and labels: the content's name, whatever file it came from.
  std::string hash() const;
};

/// [data] of a recipe.
struct DataOptions : Options {
  std::string source = "fashion-mnist";  // a name of the table, or a path: folder, .zip, .npz, IDX file
  std::string path;                      // where a named data set lies, if not in its usual place
  int64_t size = 0;                      // cut the middle square and resize it to size x size; 0: as they are
  bool labels = true;                    // use labels where there are any
  std::vector<int64_t> classes;          // keep the samples of these classes alone; empty: all
  double held_out = 0;                   // share of the training split that is kept from training
  std::string label;                     // column of a table that holds labels
  std::vector<std::string> categorical;  // columns of a table to take as categories though they hold numbers
  std::vector<std::string> drop;         // columns of a table to leave out
  int64_t limit = 0;                     // use only the first samples of the training split; 0: all
  void describe(Fields& f) override;
};

/// The data sets known by name.
struct DatasetRow {
  std::string name, source;  // source: author, year, definition in short
  Dataset (*load)(const DataOptions& options, const std::string& split);
};
const std::vector<DatasetRow>& dataset_table();

/// split: "train", "test", "all" of both, or "held-out" (what data.held_out keeps from training: its last share, after
/// the choice of classes); a source without a test split of its own keeps the last tenth of a fixed shuffle apart.
/// Throws UserError: one line, or for damaged folders every problem, a line each.
Dataset load_dataset(const DataOptions& options, const std::string& split);

/// Throws UserError when no sample is of these classes.
Dataset of_classes(const Dataset& data, const std::vector<int64_t>& classes);

/// The means of the toy mixtures and their standard deviation: modes are counted against these.
struct Mixture {
  at::Tensor means;  // float64 [K, D]
  double std = 0;
};
/// Throws UserError when `name` is not a mixture of the table.
Mixture mixture_of(const std::string& name);

}  // namespace obverse
