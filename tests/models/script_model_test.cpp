#include "obverse/models/script_model.h"

#include <gmock/gmock.h>
#include <torch/script.h>

#include <fstream>

#include "obverse/core/error.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;

void save(const std::string& path, const std::string& code, const std::string& card) {
  torch::jit::Module module("network");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.define(code + "\n");
  module.save(path + ".pt");
  if (!card.empty()) std::ofstream(path + ".json") << card;
}

std::string problem(const std::string& path) {
  try {
    load_script_model(path + ".pt");
  } catch (const UserError& e) {
    return e.what();
  }
  return "none";
}

const char* const kImages = "def forward(self, z):\n  return z.view(-1, 1, 2, 2).tanh()";

TEST(ScriptModel, DecodesToTheRangeThatItsCardTells) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/g";
  const at::Tensor z = at::randn({3, 4});
  save(path, kImages, R"({"z_dim": 4})");
  const auto model = load_script_model(path + ".pt");
  EXPECT_EQ(model->domain().shape, (std::vector<int64_t>{1, 2, 2}));
  EXPECT_EQ(model->domain().kind, Domain::Kind::image);
  EXPECT_EQ(model->classes(), 0);
  EXPECT_EQ(model->hash.size(), 64u);
  EXPECT_TRUE(at::allclose(model->decode(z, {}), z.view({3, 1, 2, 2}).tanh()));
  save(path, "def forward(self, z):\n  return z.view(-1, 1, 2, 2).sigmoid()", R"({"z_dim": 4, "output": "unit"})");
  EXPECT_TRUE(at::allclose(load_script_model(path + ".pt")->decode(z, {}), z.view({3, 1, 2, 2}).sigmoid() * 2 - 1));
  save(path, "def forward(self, z):\n  return (z.view(-1, 1, 2, 2) * 0 + 255).byte()",
       R"({"z_dim": 4, "output": "uint8"})");
  const auto bytes = load_script_model(path + ".pt");
  EXPECT_TRUE(bytes->decode(z, {}).eq(1).all().item<bool>());
  EXPECT_FALSE(bytes->differentiable());
}

TEST(ScriptModel, HasAGradientInTheCode) {
  const testing::TemporaryFolder folder;
  save(folder.path() + "/g", kImages, R"({"z_dim": 4})");
  const auto model = load_script_model(folder.path() + "/g.pt");
  const at::Tensor z = at::zeros({1, 4}).requires_grad_();
  model->decode(z, {}).sum().backward();
  EXPECT_TRUE(z.grad().allclose(at::ones({1, 4})));
}

TEST(ScriptModel, TakesLabelsAsItsCardTells) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/g";
  const at::Tensor z = at::randn({2, 3}), y = at::tensor({2, 0}, at::kLong);
  save(path, "def forward(self, z, y):\n  return z + y.unsqueeze(1)", R"({"z_dim": 3, "classes": 3})");
  EXPECT_TRUE(at::allclose(load_script_model(path + ".pt")->decode(z, y), z + y.unsqueeze(1)));
  save(path, "def forward(self, z, y):\n  return z + y",
       R"({"z_dim": 3, "classes": ["a", "b", "c"], "labels": "one-hot"})");
  const auto model = load_script_model(path + ".pt");
  EXPECT_TRUE(at::allclose(model->decode(z, y), z + at::one_hot(y, 3)));
  EXPECT_EQ(model->domain().kind, Domain::Kind::points);
  EXPECT_EQ(model->domain().classes, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(ScriptModel, SaysWhatIsWrongInOneLine) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/g";
  save(path, kImages, "");
  EXPECT_THAT(problem(path), HasSubstr("g.json: missing"));
  for (const auto& [card, text] :
       {std::pair{"{", "not a card"}, std::pair{"{\"z_dim\": \"x\"}", "z_dim must be there"},
        std::pair{"{\"z_dim\": 4, \"zdim\": 4}", "did you mean 'z_dim'"}, std::pair{"{\"z_dim\": 0}", "use 1 to"},
        std::pair{"{\"z_dim\": 4, \"output\": \"byte\"}", "unknown value 'byte'"},
        std::pair{"{\"z_dim\": 3}", "fails on codes of 3 numbers"}}) {
    save(path, kImages, card);
    EXPECT_THAT(problem(path), HasSubstr(text));
    EXPECT_EQ(problem(path).find('\n'), std::string::npos);
  }
  save(path, "def forward(self, z):\n  return z.view(-1, 2, 1, 2)", R"({"z_dim": 4})");
  EXPECT_THAT(problem(path), HasSubstr("wanted are images"));
  save(path, "def forward(self, z):\n  return z[0:1].expand(7, 4)", R"({"z_dim": 4})");
  EXPECT_THAT(problem(path), HasSubstr("one sample for each code"));
}

}  // namespace
}  // namespace obverse
