#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "obverse/games/recipe.h"

namespace obverse {

/// Trained models to play with, by their run folder: each is loaded when it is first asked for, and again when its file
/// has changed. One question is computed at a time. Pictures are PNG bytes in base 64, codes are lists of numbers.
///
/// Every question takes a run folder and a space ("z", "w", "w+") and throws UserError when the model lacks what is
/// asked of it, or another question takes long.
class Playroom {
 public:
  using Json = nlohmann::ordered_json;

  /// What the model is and offers: kind (image, points), shape, classes, conditional, numbers in a code, encodes,
  /// inverts, translates, spaces.
  Json describe(const std::string& run, const std::string& space);

  /// Samples of seeds first .. first + count - 1. label: the class of all, -1: classes in turn. trunc: psi.
  Json sample(const std::string& run, const std::string& space, uint64_t first, int64_t count, int64_t label,
              double trunc);

  /// What the model makes of codes [[...], ...] of the classes `labels` (not looked at without classes), and the codes
  /// themselves, brought to where its prior has any.
  Json decode(const std::string& run, const std::string& space, const Json& codes, const Json& labels, double trunc);

  /// Infers the code of a picture file, by the method that suits the model. label -1: the class is inferred too. Of a
  /// translator, the picture's translations.
  Json invert(const std::string& run, const std::string& space, const std::string& picture, int64_t label);

  /// Ways through the codes: a row of direction_table() that needs no labels, or the name of a folder that `obverse
  /// edit find` wrote into the run.
  Json directions(const std::string& run, const std::string& space, const std::string& kind);

  /// `count` samples of what the model of points in the plane was trained on.
  Json data(const std::string& run, int64_t count);

  /// Ends the inversion at work with what it has found.
  void stop() { stopping_ = true; }

 private:
  struct Entry {
    std::string key;
    int64_t changed;
    LoadedModel loaded;
    std::optional<double> reach;
    std::map<std::string, Json> directions;  // those found here, by kind
  };
  Entry& open(const std::string& run, const std::string& space);
  std::unique_lock<std::timed_mutex> turn();

  std::timed_mutex mutex_;
  std::atomic<bool> stopping_{false};
  std::list<Entry> entries_;  // the last used first
};

}  // namespace obverse
