#include "obverse/models/script_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"
#include "obverse/models/script.h"

namespace obverse {
namespace {

struct Card {
  LatentSpace space{"z", {0}};
  std::vector<std::string> classes;
  std::string labels = "index", output = "float";
};

std::vector<std::string> class_names(const nlohmann::json& classes) {
  if (classes.is_array()) return classes.get<std::vector<std::string>>();
  std::vector<std::string> names;
  for (int64_t i = 0; i < std::min<int64_t>(classes.get<int64_t>(), 100'000); ++i) names.push_back(std::to_string(i));
  return names;
}

void check_one_of(const std::string& path, const char* key, const std::string& value,
                  const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    fail("{}: {}: {}", path, key, unknown_name("value", value, known));
}

Card read_card(const std::string& path) {
  if (!std::filesystem::exists(path))
    fail("{}: missing: it says what the generator takes, for example {{\"z_dim\": 100, \"output\": \"float\"}}", path);
  Card card;
  try {
    const auto json = nlohmann::json::parse(read_file(path, 1 << 20));
    for (const auto& [key, value] : json.items())
      check_one_of(path, "its keys", key, {"z_dim", "prior", "classes", "labels", "output"});
    card.space.shape = {json.at("z_dim").get<int64_t>()};
    card.space.prior = json.value("prior", "normal");
    card.labels = json.value("labels", "index");
    card.output = json.value("output", "float");
    if (json.contains("classes")) card.classes = class_names(json.at("classes"));
  } catch (const nlohmann::json::exception&) {
    fail("{}: not a card of a generator: z_dim must be there, a whole number, and the rest of its kind", path);
  }
  if (card.space.shape[0] < 1 || card.space.shape[0] > 1'000'000)
    fail("{}: z_dim is {}: use 1 to 1000000", path, card.space.shape[0]);
  check_one_of(path, "labels", card.labels, {"index", "one-hot"});
  check_one_of(path, "output", card.output, {"float", "unit", "uint8"});
  find_row(prior_table(), "prior", card.space.prior);
  return card;
}

class ScriptModel : public LatentModel {
 public:
  ScriptModel(const std::string& path, Card card) : script_(path), card_(std::move(card)) {
    name = path;
    hash = sha256(read_file(path));
    const at::Tensor x = without_grad([&] { return decode(at::zeros({1, card_.space.shape[0]}), first_class()); });
    domain_.shape = x.sizes().slice(1).vec();
    domain_.classes = card_.classes;
    const bool points = x.dim() == 2;
    domain_.kind = points ? Domain::Kind::points : Domain::Kind::image;
    domain_.levels = points ? 0 : 256;
    if (!points && (x.dim() != 4 || (x.size(1) != 1 && x.size(1) != 3)))
      fail("{}: makes samples of {} axes: wanted are images [N, 1 or 3, H, W] or points [N, D]", path, x.dim() - 1);
  }

  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {card_.space}; }
  int64_t classes() const override { return static_cast<int64_t>(card_.classes.size()); }
  bool differentiable() const override { return card_.output != "uint8"; }

  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    std::vector<c10::IValue> inputs = {code};
    if (classes() > 0) inputs.emplace_back(card_.labels == "index" ? y : at::one_hot(y, classes()).to(at::kFloat));
    const at::Tensor x = script_.run(inputs, {}, fmt::format("codes of {} numbers", code.size(1))).to(at::kFloat);
    if (x.dim() < 2 || x.size(0) != code.size(0)) fail("{}: does not give one sample for each code", name);
    return card_.output == "float" ? x : card_.output == "unit" ? x * 2 - 1 : x / 127.5 - 1;
  }

 private:
  at::Tensor first_class() const { return classes() > 0 ? at::zeros({1}, at::kLong) : at::Tensor(); }
  Script script_;
  Card card_;
  Domain domain_;
};

}  // namespace

std::unique_ptr<LatentModel> load_script_model(const std::string& path) {
  return std::make_unique<ScriptModel>(path,
                                       read_card(std::filesystem::path(path).replace_extension(".json").string()));
}

}  // namespace obverse
