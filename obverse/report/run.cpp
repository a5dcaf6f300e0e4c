#include "obverse/report/run.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>
#include <string_view>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/safetensors.h"

namespace obverse {

namespace fs = std::filesystem;
using nlohmann::json;

std::optional<double> number_of(const json& object, const std::string& key) {
  if (!object.is_object() || !object.contains(key)) return std::nullopt;
  const json& value = object.at(key);
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string text_of(const json& object, const std::string& key) {
  if (!object.is_object() || !object.contains(key) || !object.at(key).is_string()) return {};
  return object.at(key).get<std::string>();
}

std::string RunRecord::option(const std::string& key) const {
  for (const auto& [known, value] : options)
    if (known == key) return value;
  return {};
}

const Curve* RunRecord::curve(const std::string& tag) const {
  for (const Curve& c : curves)
    if (c.tag == tag) return &c;
  return nullptr;
}

namespace {

class Reader {
 public:
  explicit Reader(const std::string& path) {
    record_.path =
        path.find_last_not_of('/') == std::string::npos ? path : path.substr(0, path.find_last_not_of('/') + 1);
    record_.name = fs::absolute(fs::path(path) / "x").parent_path().lexically_normal().filename().string();
    std::error_code error;
    if (!fs::is_directory(path, error)) fail("{}: not a folder: name a run folder, such as runs/00000-fashion", path);
    if (!exists("recipe.toml") && !exists("stats.jsonl"))
      fail("{}: not a run folder: it holds neither recipe.toml nor stats.jsonl; name a folder that obverse train wrote",
           path);
    for (const auto& entry : fs::directory_iterator(path, error)) files_.insert(entry.path().filename().string());
    if (error) fail("{}: cannot be listed ({}): check its permissions", path, error.message());
  }

  RunRecord read() {
    read_recipe();
    read_stats();
    read_pictures();
    read_metrics();
    read_findings();
    read_inversions();
    read_applications();
    read_model();
    read_log();
    return std::move(record_);
  }

 private:
  bool exists(const std::string& name) const {
    std::error_code error;
    return fs::is_regular_file(file(name), error);
  }
  std::string file(const std::string& name) const { return (fs::path(record_.path) / name).string(); }

  // Runs `read` on what may be damaged: a run may have been killed while it wrote.
  template <class F>
  void tolerate(const std::string& name, F&& read) {
    try {
      read();
    } catch (const UserError& error) {
      record_.notes.push_back(fmt::format("{} was left out: {}", name, error.what()));
    }
  }

  // Calls `use` with each line of a .jsonl file that is an object; counts the others.
  template <class F>
  void each_line(const std::string& name, F&& use) {
    if (!exists(name)) return;
    tolerate(name, [&] {
      std::istringstream lines(read_file(file(name)));
      size_t damaged = 0, total = 0;
      for (std::string line; std::getline(lines, line);) {
        if (line.empty()) continue;
        ++total;
        const json parsed = json::parse(line, nullptr, false);
        if (parsed.is_object())
          use(parsed);
        else
          ++damaged;
      }
      if (damaged)
        record_.notes.push_back(fmt::format("{}: {} of {} lines {} damaged and left out.", name, damaged, total,
                                            damaged == 1 ? "is" : "are"));
    });
  }

  void flatten(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string path = prefix + std::string(key.str());
      if (const auto* inner = node.as_table()) {
        flatten(*inner, path + ".");
      } else if (const auto text = node.value_exact<std::string>()) {
        record_.options.emplace_back(path, *text);
      } else {
        std::ostringstream out;
        node.visit([&](const auto& value) { out << value; });
        record_.options.emplace_back(path, out.str());
      }
    }
  }

  void read_recipe() {
    if (!exists("recipe.toml")) return;
    tolerate("recipe.toml", [&] {
      record_.recipe = read_file(file("recipe.toml"), 1 << 20);
      try {
        flatten(toml::parse(record_.recipe), "");
      } catch (const toml::parse_error& error) {
        fail("{}:{}: {}", file("recipe.toml"), error.source().begin.line, error.description());
      }
    });
  }

  void read_stats() {
    double line = 0;
    each_line("stats.jsonl", [&](const json& figures) {
      const double x =
          figures.contains("Progress/kimg") ? number_of(figures["Progress/kimg"], "mean").value_or(line) : line;
      for (const auto& [tag, figure] : figures.items())
        if (const auto mean = number_of(figure, "mean")) curve_of(tag).x.push_back(x), curve_of(tag).y.push_back(*mean);
      if (const auto timestamp = number_of(figures, "timestamp")) {
        if (!record_.started) record_.started = timestamp;
        record_.ended = timestamp;
      }
      ++line;
    });
  }

  Curve& curve_of(const std::string& tag) {
    const auto [it, is_new] = curve_index_.emplace(tag, record_.curves.size());
    if (is_new) record_.curves.push_back({tag, {}, {}});
    return record_.curves[it->second];
  }

  std::optional<Picture> picture(const std::string& name) {
    std::optional<Picture> result;
    if (exists(name)) tolerate(name, [&] { result = read_picture(file(name)); });
    return result;
  }

  void read_pictures() {
    record_.reals = picture("reals.png");
    record_.interpolations = picture("interpolations.png");
    std::vector<std::pair<int64_t, std::string>> names;
    for (const std::string& name : files_)
      if (const auto kimg = snapshot_kimg(name)) names.emplace_back(*kimg, name);
    std::sort(names.begin(), names.end());
    constexpr size_t kMost = 24;
    const size_t shown = std::min(names.size(), kMost);
    record_.fakes_left_out = names.size() - shown;
    for (size_t i = 0; i < shown; ++i) {
      const auto& [kimg, name] = names[shown < 2 ? i : i * (names.size() - 1) / (shown - 1)];
      if (auto shot = picture(name)) record_.fakes.emplace_back(kimg, std::move(*shot));
    }
  }

  // kimg of "fakes000120.png"; "fakes_init.png" is at 0.
  static std::optional<int64_t> snapshot_kimg(const std::string& name) {
    constexpr std::string_view kPrefix = "fakes", kSuffix = ".png";
    if (name == "fakes_init.png") return 0;
    if (name.size() <= kPrefix.size() + kSuffix.size() || name.compare(0, kPrefix.size(), kPrefix) != 0) return {};
    if (name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) != 0) return {};
    const std::string digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    if (digits.size() > 15 || digits.find_first_not_of("0123456789") != std::string::npos) return {};
    return std::stoll(digits);
  }

  void read_metrics() {
    for (const std::string& name : files_)
      if (name.rfind("metric-", 0) == 0 && fs::path(name).extension() == ".jsonl")
        each_line(name, [&](const json& line) { read_metric(line, name.substr(7, name.size() - 13)); });
  }

  // A member of a result stands at the line ("low": 3) or by the result's name ("low": {"fid": 3}).
  static const json& member(const json& line, const std::string& key, const std::string& result) {
    static const json absent;
    if (!line.contains(key)) return absent;
    const json& value = line.at(key);
    if (!value.is_object()) return value;
    return value.contains(result) ? value.at(result) : absent;
  }

  static std::optional<double> figure(const json& line, const std::string& key, const std::string& result) {
    const json& value = member(line, key, result);
    return value.is_number() ? std::optional<double>(value.get<double>()) : std::nullopt;
  }

  static std::string words(const json& line, const std::string& key, const std::string& result) {
    const json& value = member(line, key, result);
    return value.is_string() ? value.get<std::string>() : std::string();
  }

  // In order of name; numbers in order of size.
  static std::vector<std::pair<std::string, double>> details_of(const json& object) {
    std::vector<std::pair<std::string, double>> details;
    if (!object.is_object()) return details;
    for (const auto& [name, value] : object.items())
      if (value.is_number()) details.emplace_back(name, value.get<double>());
    const auto is_number = [](const auto& d) { return d.first.find_first_not_of("0123456789") == std::string::npos; };
    if (std::all_of(details.begin(), details.end(), is_number))
      std::stable_sort(details.begin(), details.end(),
                       [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
    return details;
  }

  void read_metric(const json& line, const std::string& file_metric) {
    if (!line.contains("results") || !line["results"].is_object()) return;
    for (const auto& [result, ignored] : line["results"].items()) {
      const auto measured = number_of(line["results"], result);
      if (!measured) continue;
      Measurement m;
      m.metric = line.contains("metric") ? text_of(line, "metric") : file_metric;
      m.name = result;
      m.label = words(line, "label", result);
      m.value = *measured;
      m.low = figure(line, "low", result), m.high = figure(line, "high", result);
      m.floor = figure(line, "floor", result);
      m.kimg = figure(line, "kimg", result);
      m.seed = figure(line, "seed", result);
      m.n_real = figure(line, "n_real", result), m.n_fake = figure(line, "n_fake", result);
      m.n_floor = figure(line, "n_floor", result);
      m.features_accuracy = figure(line, "features_accuracy", result);
      m.features = text_of(line, "features"), m.features_hash = text_of(line, "features_hash");
      m.resize = text_of(line, "resize"), m.protocol = text_of(line, "protocol");
      m.data = text_of(line, "data");
      m.interval = words(line, "interval", result);
      const json& higher = member(line, "higher_is_better", result);
      if (higher.is_boolean()) m.higher_is_better = higher.get<bool>();
      m.details = details_of(member(line, "details", result));
      record_.measurements.push_back(m);
    }
  }

  void read_findings() {
    each_line("findings.jsonl", [&](const json& line) {
      const std::string severity = text_of(line, "severity");
      const bool known = severity == "warning" || severity == "alarm";
      record_.findings.push_back({number_of(line, "kimg").value_or(0), known ? severity : "info",
                                  text_of(line, "cause"), text_of(line, "what"), text_of(line, "action")});
    });
  }

  void read_inversions() {
    for (const std::string& folder : files_) {
      if (folder.rfind("inversion", 0) != 0 || !exists(folder + "/summary.json")) continue;
      tolerate(folder, [&] {
        Inversion inversion{folder, json::parse(read_file(file(folder + "/summary.json")), nullptr, false), {}, {}, {}};
        if (!inversion.summary.is_object())
          fail("{}: is no JSON object: run obverse invert again", file(folder + "/summary.json"));
        inversion.originals = picture(folder + "/originals.png");
        inversion.reconstructions = picture(folder + "/reconstructions.png");
        inversion.errors = picture(folder + "/errors.png");
        record_.inversions.push_back(std::move(inversion));
      });
    }
  }

  void read_applications() {
    for (const ApplicationRow& row : application_table())
      for (const std::string& folder : files_) {
        if (folder.rfind(row.kind, 0) != 0 || !exists(folder + "/summary.json")) continue;
        tolerate(folder, [&] {
          Application found{
              row.kind, folder, json::parse(read_file(file(folder + "/summary.json")), nullptr, false), {}};
          if (!found.summary.is_object())
            fail("{}: is no JSON object: run obverse {} again", file(folder + "/summary.json"), row.kind);
          for (const std::string& name : row.pictures)
            if (auto shown = picture(folder + "/" + name)) found.pictures.emplace_back(name, std::move(*shown));
          record_.applications.push_back(std::move(found));
        });
      }
  }

  void read_model() {
    if (!exists("model.safetensors")) return;
    tolerate("model.safetensors", [&] {
      const TensorFile content = read_safetensors(file("model.safetensors"));
      ModelFacts facts;
      facts.bytes = static_cast<double>(fs::file_size(file("model.safetensors")));
      for (const auto& [tensor_name, tensor] : content.tensors)
        facts.parameters[tensor_name.substr(0, tensor_name.find('.'))] += tensor.numel();
      const auto domain = content.metadata.find("domain");
      const json parsed = domain == content.metadata.end() ? json() : json::parse(domain->second, nullptr, false);
      facts.domain = text_of(parsed, "kind");
      if (parsed.is_object() && parsed.contains("shape") && parsed["shape"].is_array())
        for (const json& side : parsed["shape"])
          if (side.is_number_integer()) facts.shape.push_back(side.get<int64_t>());
      if (parsed.is_object() && parsed.contains("classes") && parsed["classes"].is_array())
        for (const json& name : parsed["classes"])
          if (name.is_string()) facts.classes.push_back(name.get<std::string>());
      record_.model = facts;
    });
  }

  void read_log() {
    if (!exists("log.txt")) return;
    tolerate("log.txt", [&] {
      std::istringstream lines(read_file(file("log.txt")));
      for (std::string line; std::getline(lines, line);) record_.log.push_back(line);
    });
  }

  RunRecord record_;
  std::set<std::string> files_;
  std::map<std::string, size_t> curve_index_;
};

}  // namespace

RunRecord read_run(const std::string& path) { return Reader(path).read(); }

const std::vector<ApplicationRow>& application_table() {
  static const std::vector<ApplicationRow> table = {{"anomaly", {"strangest.png", "plainest.png"}},
                                                    {"probe", {"map-pca.png", "map-tsne.png"}},
                                                    {"edit", {"overview.png"}},
                                                    {"compress", {"rates.png"}}};
  return table;
}

}  // namespace obverse
