#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "obverse/recipe/schedule.h"

namespace obverse {

class Fields;

/// A plain struct of options with its defaults in place. `describe` names every member once; reading TOML, writing the
/// effective recipe, documentation and forms all follow from it.
struct Options {
  virtual ~Options() = default;
  virtual void describe(Fields& f) = 0;
};

/// Allowed values of a number, both ends included.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
inline constexpr Range kPositive{std::numeric_limits<double>::min()};
inline constexpr Range kNotNegative{0};
inline constexpr Range kShare{0, 1};

/// Visits the members of an options struct: a key, the member, what it means, and what it may be.
class Fields {
 public:
  virtual ~Fields() = default;
  virtual void operator()(std::string_view key, bool& value, std::string_view doc) = 0;
  virtual void operator()(std::string_view key, int64_t& value, std::string_view doc, Range range = {}) = 0;
  virtual void operator()(std::string_view key, double& value, std::string_view doc, Range range = {}) = 0;
  virtual void operator()(std::string_view key, Schedule& value, std::string_view doc, Range range = {}) = 0;
  virtual void operator()(std::string_view key, std::vector<int64_t>& value, std::string_view doc,
                          Range range = {}) = 0;
  virtual void operator()(std::string_view key, std::vector<std::string>& value, std::string_view doc) = 0;
  /// A free text, or, when `known` is not empty, one of these names.
  virtual void operator()(std::string_view key, std::string& value, std::string_view doc,
                          const std::vector<std::string>& known = {}) = 0;
  /// A table [key] of its own: what `body` describes lies inside it. May be opened several times.
  virtual void table(std::string_view key, const std::function<void()>& body) = 0;
  void table(std::string_view key, Options& options) {
    table(key, [&] { options.describe(*this); });
  }
  /// Says that the value of `key` in the table at hand is wrong although each value alone is allowed; reading only.
  virtual void problem(std::string_view key, const std::string& what) = 0;
};

/// One of several kinds, each with options of its own: `kind = "dcgan"` and what DcganOptions describes, in one table.
/// Table: a std::vector of rows with `name` and `options()`, which makes the kind's default options.
template <class Row>
struct Choice : Options {
  const std::vector<Row>* table = nullptr;
  std::string kind;
  std::shared_ptr<Options> options;

  Choice(const std::vector<Row>& rows, std::string default_kind) : table(&rows), kind(std::move(default_kind)) {
    choose();
  }
  const Row* row() const {
    for (const Row& candidate : *table)
      if (candidate.name == kind) return &candidate;
    return nullptr;
  }
  void describe(Fields& f) override {
    describe_kind(f);
    if (options) options->describe(f);
  }
  /// The `kind` alone, for a choice whose options describe themselves elsewhere.
  void describe_kind(Fields& f) {
    std::vector<std::string> known;
    for (const Row& candidate : *table) known.emplace_back(candidate.name);
    const std::string before = kind;
    f("kind", kind, "which of these", known);
    if (kind != before) choose();
  }

 private:
  void choose() { options = row() ? std::shared_ptr<Options>(row()->options()) : nullptr; }
};

}  // namespace obverse
