#include "obverse/data/sources.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/data/arrays.h"
#include "obverse/data/columns.h"
#include "obverse/data/decode.h"
#include "obverse/data/draws.h"
#include "obverse/data/idx.h"
#include "obverse/data/pictures.h"
#include "obverse/io/files.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

bool begins(const std::string& text, const std::string& start) { return text.compare(0, start.size(), start) == 0; }

bool ends(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The labels beside an IDX file of images, named as MNIST's are: empty when there are none.
std::string idx_labels_beside(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  const size_t at = name.find("images");
  if (at == std::string::npos) return {};
  name.replace(at, 6, "labels");
  if (const size_t dimensions = name.find("idx3"); dimensions != std::string::npos) name.replace(dimensions, 4, "idx1");
  if (ends(name, ".gz")) name.resize(name.size() - 3);
  return find_idx(fs::path(path).parent_path().string(), name);
}

Reading read_idx_source(const std::string& images, const std::string& labels, const DataOptions& options) {
  const IdxPair pair = read_idx_pair(images, labels);
  Reading reading;
  std::vector<std::string> classes;
  if (pair.labels.defined())
    for (int64_t i = 0, count = pair.labels.max().item<int64_t>() + 1; i < count; ++i)
      classes.push_back(std::to_string(i));
  reading.data = image_dataset(options.source, pair.images, pair.labels, classes, options);
  return reading;
}

Reading read_folder(const DataOptions& options, const std::string& split) {
  if (fs::exists(options.source + "/recipe.toml") && fs::exists(options.source + "/stats.jsonl"))
    fail("{}: is a run, its pictures are previews: name it as the model, or draw samples of it by obverse sample",
         options.source);
  const std::string train = find_idx(options.source, "train-images-idx3-ubyte");
  const std::string test = find_idx(options.source, "t10k-images-idx3-ubyte");
  if (train.empty() && test.empty()) return decode_pictures(open_folder(options.source), options, split);
  const bool both = !train.empty() && !test.empty();
  const std::string images = both ? (split == "train" ? train : test) : train + test;
  Reading reading = read_idx_source(images, idx_labels_beside(images), options);
  reading.own_split = both;
  return reading;
}

}  // namespace

Reading read_path(const DataOptions& options, const std::string& split, const std::vector<TableColumn>& columns) {
  const std::string& path = options.source;
  if (!options.path.empty()) fail("data.path is for data sets known by name: '{}' is a path itself", path);
  if (!fs::exists(path)) fail("{}: no such file or folder", path);
  if (fs::is_directory(path)) return read_folder(options, split);
  if (is_csv(path)) return read_table(options, columns);
  const std::string start = read_file_start(path, 8);
  if (begins(start, "\x93NUMPY") || ends(path, ".npz")) return read_arrays(options, split);
  if (begins(start, "PK")) return decode_pictures(open_zip(path), options, split);
  if (begins(start, std::string("\0\0", 2)) || begins(start, "\x1f\x8b"))
    return read_idx_source(path, idx_labels_beside(path), options);
  if (begins(start, "\x89PNG") || begins(start, "\xff\xd8"))
    fail("{}: one picture: give the folder that it lies in", path);
  fail("{}: not data that can be read: use a folder or zip of PNG or JPEG files, an NPZ, a CSV or an IDX file", path);
}

std::string problem_lines(const std::string& where, const std::vector<std::string>& problems) {
  constexpr size_t kMaxLines = 20;
  std::string text = fmt::format("{}: {} problem{}", where, problems.size(), problems.size() == 1 ? "" : "s");
  for (size_t i = 0; i < std::min(kMaxLines, problems.size()); ++i) text += "\n  " + problems[i];
  if (problems.size() > kMaxLines) text += fmt::format("\n  ... and {} more", problems.size() - kMaxLines);
  return text;
}

Dataset load_path(const DataOptions& options, const std::string& split, const std::vector<TableColumn>& columns) {
  Reading reading = read_path(options, split, columns);
  if (!reading.problems.empty()) throw UserError(problem_lines(options.source, reading.problems));
  Dataset& data = reading.data;
  at::Tensor order = Draws("split").permutation(data.size());
  if (!reading.own_split) {
    if (data.size() < 2) fail("{}: {} sample: at least 2 are needed", options.source, data.size());
    const int64_t test = std::max<int64_t>(1, data.size() / 10);
    order = split == "train" ? order.slice(0, 0, data.size() - test) : order.slice(0, data.size() - test);
  }
  data.samples = data.samples.index_select(0, order);
  if (data.labels.defined()) data.labels = data.labels.index_select(0, order);
  return data;
}

Dataset image_dataset(const std::string& name, at::Tensor samples, at::Tensor labels, std::vector<std::string> classes,
                      const DataOptions& options) {
  Dataset data;
  data.name = name;
  data.samples = (options.size > 0 ? resize_square(samples, options.size) : samples).contiguous();
  data.labels = labels;
  data.domain = {Domain::Kind::image, data.samples.sizes().slice(1).vec(), 256, std::move(classes)};
  return data;
}

}  // namespace obverse
