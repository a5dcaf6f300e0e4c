#include "obverse/data/pictures.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/zip.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr uint64_t kMaxFile = uint64_t{1} << 30;
constexpr int64_t kMaxClasses = 100'000;
const char* const kLabelFile = "dataset.json";

bool hidden(const std::string& name) {
  return name.empty() || name[0] == '.' || name.find("/.") != std::string::npos || name.compare(0, 9, "__MACOSX/") == 0;
}

bool is_picture(const std::string& name) {
  std::string extension = fs::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// "cats" of "cats/1.png"; empty for a file at the top.
std::string top_folder(const std::string& name) {
  const size_t slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// The folder, with its slash, that everything lies in: "faces/" when all names begin so.
std::string common_root(const std::vector<std::string>& names) {
  std::string root;
  for (;;) {
    std::set<std::string> tops;
    for (const std::string& name : names) tops.insert(top_folder(name.substr(root.size())));
    if (tops.size() != 1 || tops.begin()->empty()) return root;
    root += *tops.begin() + "/";
  }
}

std::vector<std::string> names_under(const std::vector<std::string>& names, const std::string& root) {
  std::vector<std::string> inside;
  for (const std::string& name : names)
    if (name.compare(0, root.size(), root) == 0) inside.push_back(name);
  return inside;
}

bool has_picture(const std::vector<std::string>& names) { return std::any_of(names.begin(), names.end(), is_picture); }

void add_class_folders(const std::vector<std::string>& names, const std::string& root, std::set<std::string>& folders) {
  for (const std::string& name : names)
    if (is_picture(name)) folders.insert(top_folder(name.substr(root.size())));
}

// Labels by file name of a dataset.json; problems are added to the list.
std::map<std::string, int64_t> read_labels(const Json& labels, PictureList& list) {
  std::map<std::string, int64_t> found;
  const auto add = [&](const Json& name, const Json& label) {
    if (!name.is_string()) return list.problems.push_back("dataset.json: a label whose file name is not a text");
    const std::string file = name.get<std::string>();
    if (!label.is_number_integer())
      return list.problems.push_back("dataset.json: the label of " + file + " is not a whole number");
    const auto value = label.get<int64_t>();
    if (value < 0 || value >= kMaxClasses || label.get<double>() >= 1e9)
      return list.problems.push_back(
          fmt::format("dataset.json: the label of {} is {}: labels count from 0", file, label.dump()));
    found[file] = value;
  };
  if (labels.is_object()) {
    for (const auto& [name, label] : labels.items()) add(name, label);
  } else if (labels.is_array()) {
    for (const Json& row : labels)
      row.is_array() && row.size() == 2
          ? add(row[0], row[1])
          : list.problems.push_back("dataset.json: a label that is not [file name, number]");
  } else {
    list.problems.push_back("dataset.json: labels must be a list of [file name, number], or null");
  }
  return found;
}

std::vector<std::string> class_names(const Json& json, int64_t count) {
  std::vector<std::string> classes;
  const auto named = json.find("classes");
  if (named != json.end() && named->is_array() && static_cast<int64_t>(named->size()) >= count &&
      std::all_of(named->begin(), named->end(), [](const Json& name) { return name.is_string(); })) {
    return named->get<std::vector<std::string>>();
  }
  for (int64_t i = 0; i < count; ++i) classes.push_back(std::to_string(i));
  return classes;
}

void label_from_json(const std::string& text, const std::string& root, PictureList& list) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return list.problems.push_back("dataset.json: not valid JSON: the file is damaged");
  const auto labels = json.find("labels");
  if (labels == json.end() || labels->is_null()) return;
  std::map<std::string, int64_t> by_name = read_labels(*labels, list);
  int64_t count = 0;
  for (const std::string& name : list.names) {
    const auto it = by_name.find(name.substr(root.size()));
    list.labels.push_back(it == by_name.end() ? -1 : it->second);
    count = std::max(count, list.labels.back() + 1);
    if (it == by_name.end())
      list.problems.push_back(name + ": no label in dataset.json: add one, or set data.labels=false");
    else
      by_name.erase(it);
  }
  for (const auto& [name, label] : by_name) list.notices.push_back("dataset.json: no picture " + name);
  list.classes = class_names(json, count);
}

bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
  return true;
}

// folders: the class folders of all splits, so that a class has the same number in each; "" for pictures beside them.
void label_from_folders(const std::set<std::string>& folders, const std::string& root, PictureList& list) {
  if (folders.size() < 2) return;
  const bool loose = folders.count("") > 0;
  std::map<std::string, int64_t> index;
  for (const std::string& folder : folders)
    if (!folder.empty()) index[folder] = 0;
  for (auto& [folder, label] : index) {
    if (!is_utf8(folder))
      list.problems.push_back(nlohmann::json(folder).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                              ": a class folder's name is not UTF-8: rename it");
    label = static_cast<int64_t>(list.classes.size());
    list.classes.push_back(folder);
  }
  for (const std::string& name : list.names) {
    const std::string folder = top_folder(name.substr(root.size()));
    list.labels.push_back(folder.empty() ? -1 : index.at(folder));
    if (loose && folder.empty())
      list.problems.push_back(name + ": lies beside the class folders: move it into one, or set data.labels=false");
  }
}

// trainA, trainB, testA, testB of CycleGAN's data: two classes, A and B, with a split of their own.
bool list_unpaired(const std::vector<std::string>& names, const std::string& root, const std::string& split,
                   PictureList& list) {
  for (const char* folder : {"trainA/", "trainB/", "testA/", "testB/"})
    if (!has_picture(names_under(names, root + folder))) return false;
  list.own_split = true;
  list.classes = {"A", "B"};
  for (int64_t label = 0; label < 2; ++label)
    for (const std::string& name : names_under(names, root + split + list.classes[static_cast<size_t>(label)] + "/"))
      if (is_picture(name)) list.names.push_back(name), list.labels.push_back(label);
  return true;
}

}  // namespace

Tree open_folder(const std::string& path) {
  Tree tree{
      path, {}, [path](const std::string& name) { return read_file((fs::path(path) / name).string(), kMaxFile); }};
  try {
    for (fs::recursive_directory_iterator it(path, fs::directory_options::follow_directory_symlink), end; it != end;
         ++it) {
      const std::string name = it->path().lexically_relative(path).generic_string();
      if (!hidden(name) && !it->is_directory()) tree.names.push_back(name);
    }
  } catch (const fs::filesystem_error& e) {
    fail("cannot read {}: {}", e.path1().empty() ? path : e.path1().string(), e.code().message());
  }
  std::sort(tree.names.begin(), tree.names.end());
  return tree;
}

Tree open_zip(const std::string& path) {
  struct Shared {
    ZipReader zip;
    std::mutex mutex;
    explicit Shared(const std::string& path) : zip(path) {}
  };
  const auto shared = std::make_shared<Shared>(path);
  Tree tree{path, {}, [shared](const std::string& name) {
              const std::lock_guard<std::mutex> lock(shared->mutex);
              return shared->zip.read(name);
            }};
  std::copy_if(shared->zip.names().begin(), shared->zip.names().end(), std::back_inserter(tree.names),
               [](const std::string& name) { return !hidden(name); });
  std::sort(tree.names.begin(), tree.names.end());
  return tree;
}

PictureList list_pictures(const Tree& tree, const std::string& split) {
  PictureList list;
  std::vector<std::string> names;  // what else lies among them does not say where they begin
  std::copy_if(tree.names.begin(), tree.names.end(), std::back_inserter(names),
               [](const std::string& name) { return is_picture(name) || fs::path(name).filename() == kLabelFile; });
  std::string root = common_root(names);
  names = names_under(tree.names, root);
  if (list_unpaired(names, root, split, list)) return list;
  const auto train = names_under(names, root + "train/"), test = names_under(names, root + "test/");
  if (split == "train" && train.empty() &&
      (has_picture(test) || (root.size() >= 5 && root.rfind("test/") == root.size() - 5)))
    fail("{}: has pictures in test/ and none in train/: put those to learn from into train/", tree.where);
  std::set<std::string> folders;
  if (has_picture(train) && has_picture(test)) {
    list.own_split = true;
    add_class_folders(train, root + "train/", folders);
    add_class_folders(test, root + "test/", folders);
    root += split + "/";
    names = split == "train" ? train : test;
  } else {
    add_class_folders(names, root, folders);
  }
  std::map<std::string, int> others;
  for (const std::string& name : names) {
    if (is_picture(name))
      list.names.push_back(name);
    else if (name != root + kLabelFile)
      ++others[fs::path(name).extension().string()];
  }
  for (const auto& [extension, count] : others)
    list.notices.push_back(fmt::format("{} files '*{}' are neither PNG nor JPEG: left out", count, extension));
  if (list.names.empty()) fail("{}: no PNG or JPEG files", tree.where);
  if (std::binary_search(names.begin(), names.end(), root + kLabelFile)) {
    label_from_json(tree.read(root + kLabelFile), root, list);
  } else {
    label_from_folders(folders, root, list);
  }
  return list;
}

}  // namespace obverse
