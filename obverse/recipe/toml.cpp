#include "obverse/recipe/toml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "obverse/core/error.h"
#include "obverse/core/table.h"

namespace obverse {
namespace {

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::value<std::string>(text);
  return out.str();
}

// Shortest text that reads back to the same double and is a TOML float.
std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string schedule_text(const Schedule& s) {
  if (s.constant()) return number_text(s.from);
  return fmt::format("{{ from = {}, to = {}, start = {}, over = {}, shape = {} }}", number_text(s.from),
                     number_text(s.to), number_text(s.start), number_text(s.over), quoted(s.shape));
}

std::string join_key(const std::string& prefix, std::string_view key) {
  return prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
}

const std::vector<std::string> kShapes = {"cosine", "linear", "geometric", "tripling"};

class Reader : public Fields {
 public:
  Reader(const toml::table& root, std::string where, const std::map<std::string, std::string>& set_keys)
      : where_(std::move(where)), set_keys_(set_keys) {
    stack_.push_back({&root, ""});
    seen_[""].table = &root;
  }

  void operator()(std::string_view key, bool& value, std::string_view) override {
    if (const auto* node = take(key)) {
      if (const auto v = node->value_exact<bool>())
        value = *v;
      else
        complain(*node, key, "must be true or false");
    }
  }
  void operator()(std::string_view key, int64_t& value, std::string_view, Range range) override {
    if (const auto* node = take(key)) read_integer(*node, key, value, range);
  }
  void operator()(std::string_view key, double& value, std::string_view, Range range) override {
    if (const auto* node = take(key)) read_number(*node, key, value, range);
  }
  void operator()(std::string_view key, Schedule& value, std::string_view, Range range) override {
    const auto* node = take(key);
    if (!node) return;
    const auto* table = node->as_table();
    if (!table) {
      double constant = 0;
      if (read_number(*node, key, constant, range)) value = Schedule(constant);
      return;
    }
    Schedule read;
    enter(*table, join_key(stack_.back().path, key), [&] {
      (*this)("from", read.from, "", range);
      (*this)("to", read.to, "", range);
      (*this)("start", read.start, "", kShare);
      (*this)("over", read.over, "", Range{1e-9, 1});
      (*this)("shape", read.shape, "", kShapes);
    });
    if (!table->contains("from") || !table->contains("to"))
      complain(*node, key, "a schedule needs both `from` and `to`");
    if ((read.shape == "geometric" || read.shape == "tripling") && !(read.from > 0 && read.to > 0))
      complain(*node, key, "a " + read.shape + " schedule needs `from` and `to` above 0");
    value = read;
  }
  void operator()(std::string_view key, std::vector<int64_t>& value, std::string_view, Range range) override {
    read_array(key, "whole numbers", [&](const toml::array& array) {
      value.clear();
      for (const auto& element : array) {
        int64_t item = 0;
        if (read_integer(element, key, item, range)) value.push_back(item);
      }
    });
  }
  void operator()(std::string_view key, std::vector<std::string>& value, std::string_view) override {
    read_array(key, "strings", [&](const toml::array& array) {
      value.clear();
      for (const auto& element : array) {
        if (const auto text = element.value_exact<std::string>())
          value.push_back(*text);
        else
          complain(element, key, "must hold strings only");
      }
    });
  }
  void operator()(std::string_view key, std::string& value, std::string_view,
                  const std::vector<std::string>& known) override {
    const auto* node = take(key);
    if (!node) return;
    const auto text = node->value_exact<std::string>();
    if (!text) return complain(*node, key, "must be a string");
    if (!known.empty() && std::find(known.begin(), known.end(), *text) == known.end())
      return complain(*node, key, unknown_name("value", *text, known));
    value = *text;
  }
  void table(std::string_view key, const std::function<void()>& body) override {
    static const toml::table kEmpty;
    const auto* node = take(key);
    if (node && !node->is_table()) complain(*node, key, fmt::format("must be a table [{}]", key));
    enter(node && node->is_table() ? *node->as_table() : kEmpty, join_key(stack_.back().path, key), body);
  }
  void problem(std::string_view key, const std::string& what) override {
    const toml::node* node = stack_.back().table->get(key);
    if (node)
      complain(*node, key, what);
    else
      add(where_, join_key(stack_.back().path, key), what);
  }
  using Fields::table;

  std::vector<std::string> finish() {
    for (const auto& [path, seen] : seen_) check_unknown(path, seen);
    return problems_;
  }

 private:
  struct Frame {
    const toml::table* table;
    std::string path;
  };
  struct Seen {
    const toml::table* table = nullptr;
    std::vector<std::string> known;
  };

  const toml::node* take(std::string_view key) {
    auto& known = seen_[stack_.back().path].known;
    if (std::find(known.begin(), known.end(), key) == known.end()) known.emplace_back(key);
    return stack_.back().table->get(key);
  }
  void enter(const toml::table& table, const std::string& path, const std::function<void()>& body) {
    stack_.push_back({&table, path});
    seen_[path].table = &table;
    body();
    stack_.pop_back();
  }
  // A key nobody asked for.
  void check_unknown(const std::string& path, const Seen& seen) {
    for (const auto& [key, node] : *seen.table) {
      const std::string name(key.str());
      if (std::find(seen.known.begin(), seen.known.end(), name) != seen.known.end()) continue;
      std::vector<std::string> known;
      for (const std::string& k : seen.known) known.push_back(join_key(path, k));
      add(location(node, join_key(path, name)), "", unknown_name("key", join_key(path, name), known));
    }
  }
  std::string location(const toml::node& node, const std::string& path) const {
    const auto it = set_keys_.find(path);
    if (it != set_keys_.end()) return "--set " + it->second;
    for (const auto& [key, text] : set_keys_)  // a table set as a whole, or one that --set alone made
      if (path.rfind(key + ".", 0) == 0 || (node.source().begin.line == 0 && key.rfind(path + ".", 0) == 0))
        return "--set " + text;
    return fmt::format("{}:{}", where_, node.source().begin.line);
  }
  void complain(const toml::node& node, std::string_view key, const std::string& what) {
    const std::string path = join_key(stack_.back().path, key);
    add(location(node, path), path, what);
  }
  void add(const std::string& at, const std::string& path, const std::string& what) {
    const std::string line = path.empty() ? fmt::format("{}: {}", at, what) : fmt::format("{}: {}: {}", at, path, what);
    if (std::find(problems_.begin(), problems_.end(), line) == problems_.end()) problems_.push_back(line);
  }
  bool in_range(const toml::node& node, std::string_view key, double value, Range range) {
    if (value >= range.low && value <= range.high) return true;
    std::string allowed =
        std::isinf(range.high)
            ? (range.low > 0 && range.low < 1e-300 ? "positive" : fmt::format("at least {}", range.low))
        : std::isinf(range.low) ? fmt::format("at most {}", range.high)
                                : fmt::format("between {} and {}", range.low, range.high);
    complain(node, key, fmt::format("{} is out of range: must be {}", value, allowed));
    return false;
  }
  bool read_number(const toml::node& node, std::string_view key, double& value, Range range) {
    const auto v = node.is_number() ? node.value<double>() : std::nullopt;
    if (!v || !std::isfinite(*v)) return complain(node, key, "must be a finite number"), false;
    if (!in_range(node, key, *v, range)) return false;
    value = *v;
    return true;
  }
  bool read_integer(const toml::node& node, std::string_view key, int64_t& value, Range range) {
    const auto v = node.value_exact<int64_t>();
    if (!v) return complain(node, key, "must be a whole number"), false;
    if (!in_range(node, key, static_cast<double>(*v), range)) return false;
    value = *v;
    return true;
  }
  void read_array(std::string_view key, const char* of, const std::function<void(const toml::array&)>& body) {
    const auto* node = take(key);
    if (!node) return;
    if (const auto* array = node->as_array())
      body(*array);
    else
      complain(*node, key, fmt::format("must be an array of {}", of));
  }

  std::string where_;
  const std::map<std::string, std::string>& set_keys_;
  std::vector<Frame> stack_;
  std::map<std::string, Seen> seen_;
  std::vector<std::string> problems_;
};

class Documenter : public Fields {
 public:
  std::vector<OptionDoc> rows;
  void operator()(std::string_view key, bool& value, std::string_view doc) override {
    row(key, "true or false", value ? "true" : "false", doc);
  }
  void operator()(std::string_view key, int64_t& value, std::string_view doc, Range) override {
    row(key, "whole number", std::to_string(value), doc);
  }
  void operator()(std::string_view key, double& value, std::string_view doc, Range) override {
    row(key, "number", number_text(value), doc);
  }
  void operator()(std::string_view key, Schedule& value, std::string_view doc, Range) override {
    row(key, "number or schedule", schedule_text(value), doc);
    rows.back().schedule = value;
  }
  void operator()(std::string_view key, std::vector<int64_t>& value, std::string_view doc, Range) override {
    row(key, "whole numbers", fmt::format("[{}]", fmt::join(value, ", ")), doc);
  }
  void operator()(std::string_view key, std::vector<std::string>& value, std::string_view doc) override {
    std::vector<std::string> items;
    for (const std::string& item : value) items.push_back(quoted(item));
    row(key, "strings", fmt::format("[{}]", fmt::join(items, ", ")), doc);
  }
  void operator()(std::string_view key, std::string& value, std::string_view doc,
                  const std::vector<std::string>& known) override {
    row(key, known.empty() ? "text" : "name", quoted(value), doc);
    rows.back().known = known;
  }
  void table(std::string_view key, const std::function<void()>& body) override {
    const std::string before = path_;
    path_ = join_key(path_, key);
    body();
    path_ = before;
  }
  void problem(std::string_view, const std::string&) override {}

 private:
  void row(std::string_view key, std::string type, std::string value, std::string_view doc) {
    rows.push_back({join_key(path_, key), std::move(type), std::move(value), std::string(doc), {}, {}});
  }
  std::string path_;
};

// Applies "a.b=value" to the table. The value is TOML if it parses as TOML, else a string.
void apply_override(toml::table& root, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    fail("--set {}: write it as key=value, for example train.kimg=100", text);
  std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  toml::table* table = &root;
  for (size_t dot; (dot = key.find('.')) != std::string::npos; key = key.substr(dot + 1)) {
    const std::string part = key.substr(0, dot);
    if (!table->contains(part)) table->insert(part, toml::table{});
    table = table->get(part)->as_table();
    if (!table) fail("--set {}: '{}' is not a table", text, part);
  }
  try {
    toml::table parsed = toml::parse("v = " + value);
    table->insert_or_assign(key, std::move(*parsed.get("v")));
  } catch (const toml::parse_error&) {
    table->insert_or_assign(key, value);
  }
}

toml::table parse(const RecipeSource& source) {
  try {
    return toml::parse(source.text, source.where);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", source.where, error.source().begin.line, error.description());
  }
}

}  // namespace

void read_options(const RecipeSource& source, Options& options) {
  toml::table root = parse(source);
  std::map<std::string, std::string> set_keys;
  for (const std::string& text : source.overrides) {
    apply_override(root, text);
    set_keys[text.substr(0, text.find('='))] = text;
  }
  Reader reader(root, source.where, set_keys);
  options.describe(reader);
  const std::vector<std::string> problems = reader.finish();
  if (!problems.empty()) throw UserError(fmt::format("{}", fmt::join(problems, "\n")));
}

std::vector<OptionDoc> document_options(Options& options) {
  Documenter documenter;
  options.describe(documenter);
  return documenter.rows;
}

// Keys of one table stand together and before those of its sub-tables, as TOML requires.
std::string write_options(Options& options) {
  std::map<std::string, std::string> tables;
  std::vector<std::string> order;
  for (const OptionDoc& row : document_options(options)) {
    const size_t dot = row.key.rfind('.');
    const std::string table = dot == std::string::npos ? "" : row.key.substr(0, dot);
    if (!tables.count(table)) order.push_back(table);
    tables[table] += fmt::format("{} = {}\n", row.key.substr(dot == std::string::npos ? 0 : dot + 1), row.value);
  }
  std::stable_partition(order.begin(), order.end(), [](const std::string& t) { return t.empty(); });
  std::string text;
  for (const std::string& table : order)
    text += (table.empty() ? "" : fmt::format("{}[{}]\n", text.empty() ? "" : "\n", table)) + tables[table];
  return text;
}

std::vector<std::string> differing_options(Options& here, Options& there) {
  std::map<std::string, std::string> other;
  for (const OptionDoc& row : document_options(there)) other[row.key] = row.value;
  std::vector<std::string> result;
  for (const OptionDoc& row : document_options(here)) {
    const auto it = other.find(row.key);
    if (it == other.end())
      result.push_back(fmt::format("{}: {} here, absent there", row.key, row.value));
    else if (it->second != row.value)
      result.push_back(fmt::format("{}: {} here, {} there", row.key, row.value, it->second));
    if (it != other.end()) other.erase(it);
  }
  for (const auto& [key, value] : other) result.push_back(fmt::format("{}: absent here, {} there", key, value));
  return result;
}

}  // namespace obverse
