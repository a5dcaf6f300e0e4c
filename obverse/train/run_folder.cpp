#include "obverse/train/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <utility>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {

namespace fs = std::filesystem;

static const std::regex& run_pattern() {
  static const std::regex pattern("([0-9]{5})-(.*)");
  return pattern;
}

// Files that only grow; a resumed run continues them where its checkpoint left them.
static bool grows(const fs::path& path) {
  const std::string name = path.filename().string();
  return path.extension() == ".jsonl" || name == "log.txt" || name.find("tfevents") != std::string::npos;
}

// Asks for the lock twice: is_held may have it for a moment.
static bool lock_file(int file) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
  ::usleep(20'000);
  return ::flock(file, LOCK_EX | LOCK_NB) == 0;
}

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  lock_ = ::open((path_ + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0)
    fail("{}: cannot be written ({}): choose another --out or mend its permissions", path_, std::strerror(errno));
  if (!lock_file(lock_)) {
    ::close(std::exchange(lock_, -1));
    fail("{}: another process is training this run: wait for it or stop it first", path_);
  }
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::is_held(const std::string& path) {
  const int file = ::open((path + "/.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0;
  ::close(file);
  return held;
}

RunFolder RunFolder::create(const std::string& out, const std::string& name) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail("{}: cannot make the folder ({}): choose another --out", out, error.message());
  int next = 0;
  std::smatch match;
  for (const auto& entry : fs::directory_iterator(out)) {
    const std::string existing = entry.path().filename().string();
    if (std::regex_match(existing, match, run_pattern())) next = std::max(next, std::stoi(match[1]) + 1);
  }
  for (;; ++next) {  // another process may take the same number
    const std::string path = fmt::format("{}/{:05}-{}", out, next, name);
    if (fs::create_directory(path, error)) return RunFolder(path);
    if (error) fail("{}: cannot make the folder ({}): choose another --out", path, error.message());
  }
}

RunFolder RunFolder::open(const std::string& path) {
  if (!fs::is_regular_file(path + "/recipe.toml")) fail("{}: not a run folder: it holds no recipe.toml", path);
  return RunFolder(path);
}

std::string RunFolder::newest(const std::string& out, const std::string& name) {
  std::string best;
  int best_number = -1;
  std::smatch match;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(out, error)) {
    const std::string existing = entry.path().filename().string();
    if (!std::regex_match(existing, match, run_pattern())) continue;
    if (!name.empty() && match[2] != name) continue;
    if (std::stoi(match[1]) > best_number) best_number = std::stoi(match[1]), best = entry.path().string();
  }
  if (best.empty())
    fail("{}: no run{} to resume: start one without --resume", out,
         name.empty() ? "" : fmt::format(" named '{}'", name));
  return best;
}

void RunFolder::append(const std::string& name, const std::string& text) const {
  std::ofstream out(file(name), std::ios::app | std::ios::binary);
  out << text;
  out.flush();
  if (!out) fail("{}: cannot be written ({}): free some space, then resume the run", file(name), std::strerror(errno));
}

std::map<std::string, uint64_t> RunFolder::sizes() const {
  std::map<std::string, uint64_t> result;
  for (const auto& entry : fs::directory_iterator(path_))
    if (entry.is_regular_file() && grows(entry.path())) result[entry.path().filename().string()] = entry.file_size();
  return result;
}

// A file of figures without the training's own lines from byte `size` on; those that `obverse eval` added stay.
static void cut_metrics(const std::string& path, uint64_t size) {
  const std::string text = read_file(path);
  std::string kept = text.substr(0, size);
  std::istringstream rest(text.substr(kept.size()));
  for (std::string line; std::getline(rest, line);)
    if (line.find("\"kimg\":") == std::string::npos) kept += line + "\n";
  if (kept != text) write_file(path, kept);
}

void RunFolder::cut(const std::map<std::string, uint64_t>& sizes) const {
  std::vector<std::pair<std::string, uint64_t>> metrics;
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (!entry.is_regular_file() || !grows(entry.path())) continue;
    const std::string name = entry.path().filename().string();
    const auto it = sizes.find(name);
    if (name.rfind("metric-", 0) == 0)
      metrics.emplace_back(entry.path().string(), it == sizes.end() ? 0 : it->second);
    else if (it == sizes.end())
      fs::remove(entry.path());
    else if (entry.file_size() > it->second)
      fs::resize_file(entry.path(), it->second);
  }
  for (const auto& [path, size] : metrics) cut_metrics(path, size);
}

}  // namespace obverse
