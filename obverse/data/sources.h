#pragma once

#include <string>
#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// What lies at a path, with all that is wrong with it.
struct Reading {
  Dataset data;                       // what could be read and fits together; samples undefined when nothing does
  std::vector<std::string> names;     // of the samples, where they are files
  std::vector<std::string> problems;  // one line each: what training refuses
  std::vector<std::string> notices;   // what is odd, but harmless
  bool own_split = false;             // the source has a training and a test split; else data is everything
};

/// Whether data.source is a path: what the table does not know and what has a slash or a dot in it, or exists.
bool is_path(const std::string& source);

/// Reads a folder, a zip, an NPZ, a table or an IDX file at options.source; a table by `columns` where there are any,
/// as read_table does. Throws UserError when nothing can be read at all.
Reading read_path(const DataOptions& options, const std::string& split, const std::vector<TableColumn>& columns = {});

/// One line about each problem, twenty at most, and how many more there are.
std::string problem_lines(const std::string& where, const std::vector<std::string>& problems);

/// The same, ready to train on: throws UserError listing the problems; shuffles once and for all, so that the first
/// samples are of all classes, and keeps the last tenth apart where there is no test split.
Dataset load_path(const DataOptions& options, const std::string& split, const std::vector<TableColumn>& columns = {});

/// An image data set of samples uint8 [N, C, H, W] and labels int64 [N] (or undefined); resized when options.size asks.
Dataset image_dataset(const std::string& name, at::Tensor samples, at::Tensor labels, std::vector<std::string> classes,
                      const DataOptions& options);

}  // namespace obverse
