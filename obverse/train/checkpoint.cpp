#include "obverse/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/safetensors.h"

namespace obverse {

namespace fs = std::filesystem;

void write_checkpoint(const std::string& run, const Checkpoint& checkpoint, int64_t keep) {
  fs::create_directories(run + "/state");
  write_directory(fmt::format("{}/state/{:012}", run, checkpoint.images), [&](const std::string& directory) {
    write_safetensors(directory + "/tensors.safetensors", checkpoint.tensors);
    const nlohmann::json json = {
        {"round", checkpoint.round},         {"images", checkpoint.images},           {"seconds", checkpoint.seconds},
        {"lr_factor", checkpoint.lr_factor}, {"rolled_back", checkpoint.rolled_back}, {"monitors", checkpoint.monitors},
        {"sizes", checkpoint.sizes}};
    write_file(directory + "/progress.json", json.dump(1) + "\n");
  });
  std::vector<std::string> all = list_checkpoints(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i) fs::remove_all(all[i]);
}

std::vector<std::string> list_checkpoints(const std::string& run) {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run + "/state", error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() == 12 && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
      result.push_back(entry.path().string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

Checkpoint read_checkpoint(const std::string& path) {
  Checkpoint checkpoint;
  checkpoint.tensors = read_safetensors(path + "/tensors.safetensors").tensors;
  try {
    const auto json = nlohmann::json::parse(read_file(path + "/progress.json"));
    checkpoint.round = json.at("round");
    checkpoint.images = json.at("images");
    checkpoint.seconds = json.at("seconds");
    checkpoint.lr_factor = json.at("lr_factor");
    checkpoint.rolled_back = json.at("rolled_back");
    checkpoint.monitors = json.at("monitors");
    checkpoint.sizes = json.at("sizes").get<std::map<std::string, uint64_t>>();
  } catch (const nlohmann::json::exception&) {
    fail("{}/progress.json: damaged: remove this checkpoint to resume from the one before it", path);
  }
  return checkpoint;
}

}  // namespace obverse
