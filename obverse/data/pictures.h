#pragma once

#include <functional>
#include <string>
#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// Files of a folder or members of a zip under their paths inside it ("cats/1.png"), sorted.
struct Tree {
  std::string where;
  std::vector<std::string> names;
  std::function<std::string(const std::string& name)> read;  // safe to call from several threads
};
/// Throws UserError when the folder or the zip itself cannot be read. Hidden files are left out.
Tree open_folder(const std::string& path);
Tree open_zip(const std::string& path);

/// The pictures of a tree before they are decoded.
struct PictureList {
  std::vector<std::string> names;
  std::vector<int64_t> labels;  // one a picture, -1: none; empty when there are no labels at all
  std::vector<std::string> classes;
  std::vector<std::string> problems;  // one line each: what training would refuse
  std::vector<std::string> notices;   // what is odd, but harmless
  bool own_split = false;             // the tree has train/ and test/, these are the wanted one's
};

/// Labels are those of dataset.json (StyleGAN: {"labels": [["00000/img00000000.png", 3], ...]}), or else the top
/// folders in alphabetical order; trainA, trainB, testA and testB are two classes, A and B, with splits. A folder that
/// holds everything is looked through. split: "train" or "test".
PictureList list_pictures(const Tree& tree, const std::string& split);

}  // namespace obverse
