#include "obverse/studio/run_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/io/files.h"
#include "obverse/train/checkpoint.h"
#include "obverse/train/run_folder.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kLongestLine = 1 << 16;  // of stats.jsonl and metric-*.jsonl

bool is_run(const fs::path& path) {
  return fs::is_regular_file(path / "recipe.toml") && path.filename().string().front() != '.';
}

// A path's last change in seconds since 1970; 0 when it is not there.
double changed(const fs::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? static_cast<double>(facts.st_mtime) : 0;
}

// The last whole line of a file of JSON lines; null when there is none.
Json last_line(const fs::path& path) {
  const std::string text = tail_of(path.string(), kLongestLine);
  const size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return nullptr;
  const size_t start = text.rfind('\n', end);
  const Json line = Json::parse(text.substr(start == std::string::npos ? 0 : start + 1, end + 1), nullptr, false);
  return line.is_object() ? line : Json(nullptr);
}

Json mean_of(const Json& stats, const char* tag) {
  if (!stats.is_object() || !stats.contains(tag) || !stats[tag].contains("mean")) return nullptr;
  return stats[tag]["mean"];
}

// The newest value of every figure, by its short name.
Json figures_of(const std::set<fs::path>& files) {
  Json figures = Json::array();
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    if (name.rfind("metric-", 0) != 0 || file.extension() != ".jsonl") continue;
    const Json line = last_line(file);
    if (!line.is_object() || !line.contains("results") || !line["results"].is_object()) continue;
    for (const auto& [result, value] : line["results"].items()) {
      if (!value.is_number()) continue;
      const Json labels = line.contains("label") ? line["label"] : Json();
      const bool named = labels.is_object() && labels.contains(result) && labels[result].is_string();
      figures.push_back({{"name", named ? labels[result].get<std::string>() : result}, {"value", value}});
    }
  }
  return figures;
}

Json describe_run(const fs::path& path) {
  std::set<fs::path> files;
  std::string picture;
  for (const auto& entry : fs::directory_iterator(path)) files.insert(entry.path());
  for (const fs::path& file : files)
    if (const std::string name = file.filename().string(); name.rfind("fakes", 0) == 0 && file.extension() == ".png")
      picture = name;
  const Json stats = last_line(path / "stats.jsonl");
  Json run = {{"name", path.filename().string()},
              {"about", ""},
              {"kimg", mean_of(stats, "Progress/kimg")},
              {"images_per_second", mean_of(stats, "Timing/images_per_sec")},
              {"seconds", mean_of(stats, "Timing/total_sec")},
              {"running", RunFolder::is_held(path.string())},
              {"resumable", !list_checkpoints(path.string()).empty()},
              {"model", files.count(path / "model.safetensors") > 0},
              {"changed", std::max(changed(path), changed(path / "stats.jsonl"))},
              {"picture", picture},
              {"figures", figures_of(files)}};
  try {
    const Recipe recipe = read_recipe((path / "recipe.toml").string());
    run["about"] = recipe.about;
    run["game"] = recipe.game.kind;
    run["data"] = recipe.data.source;
    run["total_kimg"] = recipe.train.kimg;
  } catch (const UserError& error) {  // of another version
    run["problem"] = error.what();
  }
  return run;
}

// Names of files and folders that lead nowhere else.
bool is_plain(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

}  // namespace

std::string tail_of(const std::string& path, size_t bytes) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return "";
  const auto size = static_cast<size_t>(in.tellg());
  const size_t count = std::min(size, bytes);
  std::string text(count, '\0');
  in.seekg(static_cast<std::streamoff>(size - count));
  in.read(text.data(), static_cast<std::streamsize>(count));
  text.resize(static_cast<size_t>(in.gcount()));
  if (count == size) return text;
  const size_t line = text.find('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

Json list_runs(const std::string& folder) {
  std::vector<Json> runs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    try {
      if (is_run(entry.path())) runs.push_back(describe_run(entry.path()));
    } catch (const std::exception&) {  // it went away, or may not be read
    }
  }
  std::sort(runs.begin(), runs.end(), [](const Json& a, const Json& b) { return a["changed"] > b["changed"]; });
  return runs.empty() ? Json::array() : Json(runs);
}

std::string find_run(const std::string& folder, const std::string& name) {
  const fs::path path = fs::path(folder) / name;
  if (!is_plain(name) || !is_run(path)) fail("{}: no such run in {}", name, folder);
  return path.string();
}

std::string run_picture(const std::string& run, const std::string& name) {
  const fs::path path = fs::path(run) / name;
  if (!is_plain(name) || path.extension() != ".png" || !fs::is_regular_file(path))
    fail("{}: no such picture in {}", name, run);
  return read_file(path.string());
}

}  // namespace obverse
