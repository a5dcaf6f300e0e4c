#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "obverse/core/error.h"
#include "obverse/data/draws.h"
#include "obverse/data/named.h"
#include "obverse/data/sources.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kStyles = {"apple", "google"};

// The folder of a style's 64x64 PNGs, named by code points: of the npm package emoji-datasource-<style>.
std::string find_style(const std::string& style, const DataOptions& options) {
  std::vector<std::string> roots = {"node_modules"};
  if (const char* root = std::getenv("OBVERSE_DATA")) roots.insert(roots.begin(), std::string(root) + "/emoji");
  if (!options.path.empty()) roots = {options.path};
  for (const std::string& root : roots) {
    const std::string folder = root + "/emoji-datasource-" + style + "/img/" + style + "/64";
    if (fs::is_directory(folder)) return folder;
  }
  fail(
      "emoji: no emoji-datasource-{0}/img/{0}/64 in {1}: run npm install emoji-datasource-apple "
      "emoji-datasource-google, or set data.path to the folder that holds them",
      style, roots.front());
}

std::vector<std::string> picture_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".png") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Without the tones of skin, code points 1f3fb to 1f3ff: pictures that differ in nothing else must not be split apart.
std::string base_of(std::string name) {
  for (const char* tone : {"-1f3fb", "-1f3fc", "-1f3fd", "-1f3fe", "-1f3ff"})
    for (size_t at = name.find(tone); at != std::string::npos; at = name.find(tone)) name.erase(at, 6);
  return name;
}

struct Chosen {
  std::string name;
  size_t style = 0;
};

// A tenth of the emoji, in both styles side by side, is the test split. Of the others one half is for training in the
// first style and the rest in the second, so that no picture has its other style among them; or all in one style.
std::vector<Chosen> choose(const std::vector<std::string>& names, const std::string& split, int only) {
  std::map<std::string, int64_t> bases;
  for (const std::string& name : names) bases.emplace(base_of(name), 0);
  const at::Tensor order = Draws("emoji").permutation(static_cast<int64_t>(bases.size()));
  int64_t next = 0;
  for (auto& [base, place] : bases) place = order.data_ptr<int64_t>()[next++];
  const auto count = static_cast<int64_t>(bases.size()), train = count - count / 10;
  std::vector<Chosen> chosen;
  for (const std::string& name : names) {
    const int64_t place = bases.at(base_of(name));
    if ((place < train) != (split == "train")) continue;
    if (only >= 0) chosen.push_back({name, static_cast<size_t>(only)});
    if (only < 0 && split == "train") chosen.push_back({name, place < train / 2 ? size_t{0} : size_t{1}});
    if (only < 0 && split == "test") chosen.push_back({name, 0}), chosen.push_back({name, 1});
  }
  return chosen;
}

// only: the style; -1: both, as labels.
Dataset load(const std::string& name, const DataOptions& options, const std::string& split, int only) {
  const std::string folders[] = {find_style(kStyles[0], options), find_style(kStyles[1], options)};
  const std::vector<std::string> first = picture_names(folders[0]), second = picture_names(folders[1]);
  std::vector<std::string> common;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(common));
  const std::vector<Chosen> chosen = choose(common, split, only);
  if (chosen.empty()) fail("emoji: no picture is in both {} and {}", folders[0], folders[1]);
  std::vector<at::Tensor> images(chosen.size());
  at::parallel_for(0, static_cast<int64_t>(chosen.size()), 16, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const at::Tensor image = read_image(folders[chosen[i].style] + "/" + chosen[i].name);
      images[i] = image.expand({3, -1, -1});
    }
  });
  for (size_t i = 0; i < images.size(); ++i)
    if (images[i].sizes() != images[0].sizes()) fail("emoji: {} and {} differ in size", chosen[i].name, chosen[0].name);
  at::Tensor labels;
  if (only < 0) {
    labels = at::empty({static_cast<int64_t>(chosen.size())}, at::kLong);
    for (size_t i = 0; i < chosen.size(); ++i) labels.data_ptr<int64_t>()[i] = static_cast<int64_t>(chosen[i].style);
  }
  return image_dataset(name, at::stack(images), labels, only < 0 ? kStyles : std::vector<std::string>(), options);
}

}  // namespace

Dataset load_emoji(const DataOptions& options, const std::string& split) { return load("emoji", options, split, -1); }
Dataset load_emoji_apple(const DataOptions& options, const std::string& split) {
  return load("emoji-apple", options, split, 0);
}
Dataset load_emoji_google(const DataOptions& options, const std::string& split) {
  return load("emoji-google", options, split, 1);
}

}  // namespace obverse
