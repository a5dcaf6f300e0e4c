#include "obverse/infer/latent_file.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "../temporary_folder.h"
#include "models_for_tests.h"
#include "obverse/io/npz.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

TEST(LatentFile, ComesBackAsItWasAndLeadingAxesBecomeOne) {
  const testing::TemporaryFolder folder;
  ClassModel model(4);
  model.hash = "abc";
  const at::Tensor code = Rng(1).normal({2, 5, 3}), y = Rng(2).integers(4, {2, 5});
  write_latents(folder.file("l.npz"), model, {code, y}, {{"mse", at::zeros({2})}});
  const Latents back = read_latents(folder.file("l.npz"), model);
  EXPECT_TRUE(at::equal(back.code, code.view({10, 3})));
  EXPECT_TRUE(at::equal(back.y, y.flatten()));
}

TEST(LatentFile, OfAnotherModelIsRefused) {
  const testing::TemporaryFolder folder;
  LinearModel model(2, 5);
  model.hash = "aaaa";
  model.name = "this";
  write_latents(folder.file("l.npz"), model, {at::zeros({3, 2}), {}});
  model.hash = "bbbb";
  EXPECT_THAT(refusal([&] { read_latents(folder.file("l.npz"), model); }), HasSubstr("of another model"));
}

TEST(LatentFile, WhatTheModelCannotDecodeIsRefusedInOneLine) {
  const testing::TemporaryFolder folder;
  ClassModel model(4);
  model.hash = "abc";
  const std::string path = folder.file("l.npz");
  const auto refused = [&](const Latents& latents) {
    write_latents(path, model, latents);
    const std::string message = refusal([&] { read_latents(path, model); });
    EXPECT_THAT(message, HasSubstr(path));
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  };
  const at::Tensor y = at::zeros({2}, at::kLong);
  EXPECT_THAT(refused({at::zeros({2, 4}), y}), HasSubstr("3 numbers"));
  EXPECT_THAT(refused({at::zeros({3}), y}), HasSubstr("3 numbers"));
  EXPECT_THAT(refused({at::zeros({2, 3}, at::kLong), y}), HasSubstr("3 numbers"));
  EXPECT_THAT(refused({at::full({2, 3}, NAN), y}), HasSubstr("NaN"));
  EXPECT_THAT(refused({at::zeros({2, 3}), {}}), HasSubstr("tensor 'y'"));
  EXPECT_THAT(refused({at::zeros({2, 3}), at::zeros({3}, at::kLong)}), HasSubstr("its class"));
  EXPECT_THAT(refused({at::zeros({2, 3}), y + 4}), HasSubstr("0 to 3"));
  write_npz(path, {{"z", at::zeros({2, 3})}});
  EXPECT_THAT(refusal([&] { read_latents(path, model); }), HasSubstr("model_hash"));
}

}  // namespace
}  // namespace obverse
