#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "obverse/report/picture.h"

namespace obverse {

/// What is read from disk may lack anything: these are the values of members that are there and of the right type.
std::optional<double> number_of(const nlohmann::json& json, const std::string& key);  // null: not a number
std::string text_of(const nlohmann::json& json, const std::string& key);              // "" when absent

/// One tag of stats.jsonl.
struct Curve {
  std::string tag;           // "Loss/D/loss"
  std::vector<double> x, y;  // kimg (line number without Progress/kimg); mean, not finite where the run wrote null
};

/// One result of one line of metric-<name>.jsonl.
struct Measurement {
  std::string metric, name, label;  // "pr2k3_full", "pr2k3_full_precision", "precision"
  double value = 0;
  std::optional<double> low, high;  // 95 % interval
  std::optional<double> floor;      // the same metric between real images and real images
  std::optional<double> kimg;
  std::optional<double> seed;  // of the samples
  std::optional<double> n_real, n_fake, n_floor, features_accuracy;
  std::string features, features_hash, resize, protocol, interval, data;
  std::optional<bool> higher_is_better;
  std::vector<std::pair<std::string, double>> details;  // class shares, each mode's spread
};

struct RunFinding {
  double kimg = 0;
  std::string severity, cause, what, action;
};

/// A folder that `obverse invert --out` wrote.
struct Inversion {
  std::string folder;  // "inversion-hybrid"
  nlohmann::json summary;
  std::optional<Picture> originals, reconstructions, errors;
};

/// A folder that an application wrote into the run's: `obverse anomaly score`, `obverse probe`, `obverse edit find`,
/// `obverse compress --look`.
struct Application {
  std::string kind, folder;  // "anomaly", "anomaly-elbo"
  nlohmann::json summary;
  std::vector<std::pair<std::string, Picture>> pictures;  // by file name, in the order of application_table()
};

/// What the folders of an application begin with, and the pictures of theirs that are shown.
struct ApplicationRow {
  std::string kind;
  std::vector<std::string> pictures;
};
const std::vector<ApplicationRow>& application_table();

struct ModelFacts {
  std::string domain;                         // "image" or "points"
  std::vector<int64_t> shape;                 // of a sample: {C, H, W}
  std::vector<std::string> classes;           // names
  std::map<std::string, int64_t> parameters;  // by network
  double bytes = 0;
};

/// All that a report tells of a run folder. Whatever is missing is empty.
struct RunRecord {
  std::string path, name;
  std::string recipe;                                        // TOML
  std::vector<std::pair<std::string, std::string>> options;  // "game.loss" and its value, in the recipe's order
  std::vector<std::string> log;                              // lines
  std::vector<Curve> curves;
  std::optional<double> started, ended;  // seconds since 1970, of the first and the last line of figures
  std::optional<Picture> reals, interpolations;
  std::vector<std::pair<int64_t, Picture>> fakes;  // kimg; ascending
  size_t fakes_left_out = 0;                       // snapshots beyond what a report shows
  std::vector<Measurement> measurements;
  std::vector<RunFinding> findings;
  std::vector<Inversion> inversions;
  std::vector<Application> applications;
  std::optional<ModelFacts> model;
  std::vector<std::string> notes;  // what was damaged and left out, a sentence each

  std::string option(const std::string& key) const;  // "" when absent
  const Curve* curve(const std::string& tag) const;  // nullptr when absent
};

/// Reads a run folder. Throws UserError naming the path when it is none (it holds neither recipe.toml nor stats.jsonl).
/// Damaged parts are left out and noted.
RunRecord read_run(const std::string& path);

}  // namespace obverse
