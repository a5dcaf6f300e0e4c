#include "obverse/data/check.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/sources.h"

namespace obverse {
namespace {

constexpr int64_t kFewSamples = 1000;
constexpr double kImbalance = 10;  // largest class over smallest

/// A split under inspection.
struct Split {
  std::string name;
  Reading reading;
  const Dataset& data() const { return reading.data; }
  std::string sample(int64_t i) const {
    return reading.names.empty() ? fmt::format("{} sample {}", name, i) : reading.names[static_cast<size_t>(i)];
  }
  std::string_view bytes(int64_t i) const {
    const size_t width = data().samples.nbytes() / static_cast<size_t>(data().size());
    return {static_cast<const char*>(data().samples.data_ptr()) + static_cast<size_t>(i) * width, width};
  }
};

std::string amount(size_t n, const std::string& noun, const std::string& plural = "s") {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : plural);
}

class Inspector {
 public:
  explicit Inspector(DataReport& report) : report_(report) {}

  /// Told once, where both splits have it.
  void fatal(const std::string& what) {
    for (const DataReport::Problem& known : report_.problems)
      if (known.fatal && known.what == what) return;
    report_.problems.push_back({true, what});
  }
  void warn(const std::string& what) { report_.problems.push_back({false, what}); }
  void fact(const std::string& what) { report_.facts.push_back(what); }

  void inspect_split(const Split& split) {
    for (const std::string& problem : split.reading.problems) fatal(problem);
    for (const std::string& notice : split.reading.notices) warn(notice);
    if (!split.data().samples.defined()) return;
    fact(fmt::format("{}: {} samples, {}", split.name, split.data().size(), split.data().domain.text()));
    if (split.name != "test" && split.data().size() < kFewSamples)
      warn(fmt::format("{}: {} samples are few: expect overfitting below some thousands{}", split.name,
                       split.data().size(),
                       split.data().domain.kind == Domain::Kind::image
                           ? "; augment what D sees (game.augment = [\"translation\", \"cutout\"]), halve the step "
                             "sizes, or begin from a trained model (--init)"
                           : ""));
    if (split.data().domain.kind == Domain::Kind::image) inspect_constant(split);
    if (split.data().labels.defined()) inspect_labels(split);
    inspect_duplicates(split);
  }

  void inspect_overlap(const Split& train, const Split& test) {
    if (!train.data().samples.defined() || !test.data().samples.defined()) return;
    if (!(train.data().domain == test.data().domain))
      return fatal(fmt::format("train is {}, test is {}: bring both to one shape", train.data().domain.text(),
                               test.data().domain.text()));
    if (train.data().labels.defined() != test.data().labels.defined()) fatal("only one of train and test has labels");
    const auto seen = index_of(train);
    std::vector<std::string> pairs;
    for (int64_t i = 0; i < test.data().size(); ++i)
      if (const auto it = seen.find(test.bytes(i)); it != seen.end())
        pairs.push_back(test.sample(i) + " = " + train.sample(it->second));
    if (pairs.empty()) return fact("no test sample is in the training split");
    warn(fmt::format("{} of the test split also in the training split: {}", amount(pairs.size(), "sample"),
                     examples(pairs)));
  }

 private:
  static std::string examples(const std::vector<std::string>& all) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(5, all.size()));
    return fmt::format("{}{}", fmt::join(all.begin(), end, ", "), all.size() > 5 ? ", ..." : "");
  }

  static std::unordered_map<std::string_view, int64_t> index_of(const Split& split) {
    std::unordered_map<std::string_view, int64_t> first;
    first.reserve(static_cast<size_t>(split.data().size()));
    for (int64_t i = 0; i < split.data().size(); ++i) first.emplace(split.bytes(i), i);
    return first;
  }

  void inspect_constant(const Split& split) {
    std::vector<std::string> constant;
    for (int64_t i = 0; i < split.data().size(); ++i) {
      const std::string_view bytes = split.bytes(i);
      if (bytes.find_first_not_of(bytes[0]) == std::string_view::npos) constant.push_back(split.sample(i));
    }
    if (!constant.empty())
      warn(fmt::format("{}: {} of one value all over: {}", split.name, amount(constant.size(), "image"),
                       examples(constant)));
  }

  void inspect_labels(const Split& split) {
    const at::Tensor known = split.data().labels.masked_select(split.data().labels.ge(0));
    const auto classes = static_cast<int64_t>(split.data().domain.classes.size());
    const at::Tensor counts = known.bincount({}, classes);
    std::vector<std::string> empty;
    for (int64_t k = 0; k < classes; ++k)
      if (counts[k].item<int64_t>() == 0) empty.push_back(split.data().domain.classes[static_cast<size_t>(k)]);
    const auto least = counts.min().item<int64_t>(), most = counts.max().item<int64_t>();
    fact(fmt::format("{}: {} classes, {} to {} samples each", split.name, classes, least, most));
    if (!empty.empty())
      warn(fmt::format("{}: {} without samples: {}", split.name, amount(empty.size(), "class", "es"), examples(empty)));
    if (empty.empty() && static_cast<double>(most) > kImbalance * static_cast<double>(least))
      warn(fmt::format("{}: classes are unbalanced, {} to {} samples", split.name, least, most));
  }

  void inspect_duplicates(const Split& split) {
    const auto first = index_of(split);
    std::vector<std::string> pairs;
    for (int64_t i = 0; i < split.data().size(); ++i)
      if (const int64_t other = first.at(split.bytes(i)); other != i)
        pairs.push_back(split.sample(i) + " = " + split.sample(other));
    if (pairs.empty()) return fact(split.name + ": no exact duplicates");
    warn(fmt::format("{}: {}: {}", split.name, amount(pairs.size(), "exact duplicate"), examples(pairs)));
  }

  DataReport& report_;
};

Reading read_split(const DataOptions& options, const std::string& split) {
  if (is_path(options.source)) return read_path(options, split);
  Reading reading;
  reading.data = find_row(dataset_table(), "data set", options.source).load(options, split);
  reading.own_split = true;
  return reading;
}

}  // namespace

DataReport check_data(const DataOptions& options) {
  DataReport report;
  Inspector inspector(report);
  std::vector<Split> splits;
  for (const char* name : {"train", "test"}) {
    try {
      splits.push_back({name, read_split(options, name)});
    } catch (const UserError& error) {
      inspector.fatal(error.what());
      continue;
    }
    if (!splits.back().reading.own_split) {
      splits.back().name = "all";
      break;
    }
  }
  for (const Split& split : splits) inspector.inspect_split(split);
  if (splits.size() == 2) inspector.inspect_overlap(splits[0], splits[1]);
  if (splits.size() == 1 && splits[0].name == "all")
    inspector.fact("no test split of its own: a tenth, drawn once and for all, is kept apart from training");
  std::stable_sort(report.problems.begin(), report.problems.end(),
                   [](const auto& a, const auto& b) { return a.fatal > b.fatal; });
  return report;
}

}  // namespace obverse
