#include "obverse/train/transfer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "obverse/core/autograd.h"

namespace obverse {
namespace {

bool generates(const std::string& name) { return name.rfind("generator", 0) == 0; }

// "discriminator.trunk.conv2.weight": {"discriminator.trunk.conv", 2, ".weight"}; index -1 where there is no number.
struct Numbered {
  std::string before, after;
  int64_t index = -1;
};

Numbered split_at_number(const std::string& name) {
  const auto digit = std::find_if(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
  if (digit == name.end()) return {name, "", -1};
  const auto end = std::find_if(digit, name.end(), [](unsigned char c) { return !std::isdigit(c); });
  return {std::string(name.begin(), digit), std::string(end, name.end()), std::stoll(std::string(digit, end))};
}

// The largest number behind each beginning of a name.
std::map<std::string, int64_t> last_numbers(const NamedTensors& tensors) {
  std::map<std::string, int64_t> last;
  for (const auto& [name, tensor] : tensors) {
    const Numbered n = split_at_number(name);
    if (n.index >= 0) last[n.before] = std::max(last.count(n.before) ? last[n.before] : 0, n.index);
  }
  return last;
}

// Axis along which alone the two differ; -1 when they differ along several, or not.
int64_t differing_axis(const at::Tensor& a, const at::Tensor& b) {
  if (a.dim() != b.dim()) return -1;
  int64_t axis = -1;
  for (int64_t i = 0; i < a.dim(); ++i)
    if (a.size(i) != b.size(i)) {
      if (axis >= 0) return -1;
      axis = i;
    }
  return axis;
}

bool image_channels(int64_t a, int64_t b) { return (a == 1 && b == 3) || (a == 3 && b == 1); }

// Whether a matrix has a row a class: learned vectors, and gains and biases of conditional norms.
bool rows_are_classes(const std::string& name) {
  for (const char* part : {"embedding", "projection", "label", "offset", "norm"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

// `from` made to the shape of `to`, or undefined where there is no way.
at::Tensor adapted(const std::string& name, const at::Tensor& from, const at::Tensor& to) {
  const bool generator = generates(name);
  if (from.dim() + 1 == to.dim() && to.sizes().slice(1) == from.sizes()) return from.unsqueeze(0).expand_as(to);
  if (from.dim() == to.dim() + 1 && from.sizes().slice(1) == to.sizes()) return from.mean(0);
  const int64_t axis = differing_axis(from, to);
  if (axis < 0) return {};
  if (image_channels(from.size(axis), to.size(axis))) {
    if (to.size(axis) == 1) return generator ? from.mean(axis, true) : from.sum(axis, true);
    return (generator ? from : from / 3.0).expand_as(to);
  }
  if (axis == 0 && from.dim() == 2 && rows_are_classes(name)) return from.mean(0, true).expand_as(to);
  return {};
}

}  // namespace

Transfer transfer_weights(const NamedTensors& target, const NamedTensors& source) {
  const std::map<std::string, at::Tensor> trained(source.begin(), source.end());
  const std::map<std::string, int64_t> there = last_numbers(source), here = last_numbers(target);
  const auto find = [&](const std::string& name) {
    Numbered n = split_at_number(name);
    if (!generates(name) && n.index >= 0 && there.count(n.before)) {
      n.index += there.at(n.before) - here.at(n.before);
      const auto found = trained.find(n.before + std::to_string(n.index) + n.after);
      return n.index < 0 || found == trained.end() ? at::Tensor() : found->second;
    }
    const auto found = trained.find(name);
    return found == trained.end() ? at::Tensor() : found->second;
  };
  Transfer result;
  without_grad([&] {
    for (const auto& [name, tensor] : target) {
      at::Tensor from = find(name);
      const bool same = from.defined() && from.sizes() == tensor.sizes();
      if (from.defined() && !same) from = adapted(name, from, tensor);
      if (!from.defined()) {
        result.fresh.push_back(name);
        continue;
      }
      tensor.copy_(from);
      ++(same ? result.copied : result.adapted);
    }
    return 0;
  });
  return result;
}

}  // namespace obverse
