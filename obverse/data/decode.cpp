#include "obverse/data/decode.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "obverse/core/error.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

struct Picture {
  at::Tensor image;  // uint8 [C, H, W]; undefined when it could not be read
  std::string problem;
};

Picture decode(const Tree& tree, const std::string& name, int64_t size) {
  try {
    at::Tensor image = decode_image(tree.read(name), name);
    if (size > 0) image = resize_square(image.unsqueeze(0), size).squeeze(0);
    return {image, ""};
  } catch (const UserError& e) {
    return {{}, e.what()};
  }
}

std::vector<Picture> decode_all(const Tree& tree, const std::vector<std::string>& names, int64_t size) {
  std::vector<Picture> pictures(names.size());
  at::parallel_for(0, static_cast<int64_t>(names.size()), 16, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      pictures[i] = decode(tree, names[i], size);
  });
  return pictures;
}

std::string shape_text(const std::vector<int64_t>& shape) {  // as people say it: width x height
  return fmt::format("{}x{} {}", shape[2], shape[1], shape[0] == 1 ? "grey" : "colour");
}

// The shape that most pictures have; the first such in a tie.
std::vector<int64_t> usual_shape(const std::vector<Picture>& pictures) {
  std::map<std::vector<int64_t>, int> counts;
  std::vector<int64_t> best;
  for (const Picture& picture : pictures)
    if (picture.image.defined()) ++counts[picture.image.sizes().vec()];
  for (const auto& [shape, count] : counts)
    if (best.empty() || count > counts.at(best)) best = shape;
  return best;
}

void colour_all(std::vector<Picture>& pictures) {
  const bool colour = std::any_of(pictures.begin(), pictures.end(),
                                  [](const Picture& p) { return p.image.defined() && p.image.size(0) == 3; });
  for (Picture& picture : pictures)
    if (colour && picture.image.defined()) picture.image = picture.image.expand({3, -1, -1});
}

// Keeps those of the usual shape and says what is wrong with the others.
std::vector<size_t> agreeing(std::vector<Picture>& pictures, const std::vector<std::string>& names,
                             std::vector<std::string>& problems) {
  const std::vector<int64_t> usual = usual_shape(pictures);
  std::vector<size_t> kept;
  for (size_t i = 0; i < pictures.size(); ++i) {
    if (!pictures[i].image.defined()) {
      problems.push_back(pictures[i].problem);
    } else if (pictures[i].image.sizes() != at::IntArrayRef(usual)) {
      problems.push_back(fmt::format("{}: {}, most are {}: set data.size (--size) to bring all to one size and colour",
                                     names[i], shape_text(pictures[i].image.sizes().vec()), shape_text(usual)));
    } else {
      kept.push_back(i);
    }
  }
  return kept;
}

}  // namespace

Reading decode_pictures(const Tree& tree, const DataOptions& options, const std::string& split) {
  PictureList list = list_pictures(tree, split);
  std::vector<Picture> pictures = decode_all(tree, list.names, options.size);
  if (options.size > 0) colour_all(pictures);
  Reading reading;
  reading.own_split = list.own_split;
  reading.notices = std::move(list.notices);
  const std::vector<size_t> kept = agreeing(pictures, list.names, reading.problems);
  if (options.labels) reading.problems.insert(reading.problems.end(), list.problems.begin(), list.problems.end());
  std::vector<at::Tensor> images;
  std::vector<int64_t> labels;
  for (const size_t i : kept) {
    images.push_back(pictures[i].image);
    reading.names.push_back(list.names[i]);
    if (!list.labels.empty()) labels.push_back(list.labels[i]);
  }
  pictures.clear();
  if (images.empty()) return reading;
  DataOptions sized = options;
  sized.size = 0;  // done
  const at::Tensor label_tensor = labels.empty() ? at::Tensor() : at::tensor(labels, at::kLong);
  reading.data = image_dataset(options.source, at::stack(images), label_tensor, std::move(list.classes), sized);
  return reading;
}

}  // namespace obverse
