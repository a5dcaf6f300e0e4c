// `obverse eval` on sets of samples: what it measures, and a clear line for what it cannot.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../program.h"
#include "../temporary_folder.h"
#include "obverse/core/rng.h"
#include "obverse/io/image.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::TemporaryFolder;

class EvalSets : public ::testing::Test {
 protected:
  EvalSets() {
    points("real.npz", 400, 0);
    points("fake.npz", 300, 1);
  }
  std::string points(const std::string& name, int64_t n, double shift) {
    const at::Tensor x = Rng(n, "points").normal({n, 3}) + shift;
    write_npz(folder_.file(name), {{"x_train", x}, {"x_test", x.slice(0, 0, n / 2) + 0.01}});
    return folder_.file(name);
  }
  std::string images(const std::string& name, int64_t n, std::vector<int64_t> shape) {
    shape.insert(shape.begin(), n);
    write_npz(folder_.file(name), {{"arr_0", at::randint(256, shape, at::kByte)}});
    return folder_.file(name);
  }
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), "eval");
    Program program(words, folder_.file("log"));
    const int status = program.wait();
    out_ = program.out();
    err_ = program.err();
    return status;
  }
  void expect_refused(const std::vector<std::string>& words, const std::string& what) {
    EXPECT_EQ(run(words), 2) << err_;
    EXPECT_THAT(err_, HasSubstr(what));
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
  }
  std::string file(const std::string& name) { return folder_.file(name); }

  TemporaryFolder folder_;
  std::string out_, err_;
};

TEST_F(EvalSets, ComparesTwoFilesAndAFileWithStatistics) {
  ASSERT_EQ(run({"--real", file("real.npz"), "--fake", file("fake.npz"), "--metrics", "fid", "--json"}), 0) << err_;
  const double fid = nlohmann::json::parse(out_).at(0).at("results").begin()->get<double>();
  EXPECT_NEAR(fid, 3, 0.6);  // a shift of 1 in three dimensions
  EXPECT_EQ(err_, "");
  write_npz(file("statistics.npz"), {{"mu", at::zeros({3})}, {"sigma", at::eye(3)}});
  ASSERT_EQ(run({"--real", file("statistics.npz"), "--fake", file("fake.npz"), "--metrics", "fid", "--features",
                 "coordinates", "--json"}),
            0)
      << err_;
  EXPECT_NEAR(nlohmann::json::parse(out_).at(0).at("results").begin()->get<double>(), 3, 0.6);
  expect_refused({"--real", file("statistics.npz"), "--fake", file("fake.npz"), "--metrics", "fid"}, "--features");
  expect_refused({"--real", file("statistics.npz"), "--fake", file("fake.npz"), "--features", "coordinates"},
                 "--metrics fid");
}

TEST_F(EvalSets, TakesDisjointSetsOfSamplesTogether) {
  const std::vector<std::string> words = {"--real", file("real.npz"), "--fake", file("fake.npz"), "--metrics",
                                          "fid",    "--samples",      "100",    "--no-floors",    "--json",
                                          "--sets"};
  const auto with = [&](const std::string& sets) {
    std::vector<std::string> all = words;
    all.push_back(sets);
    return all;
  };
  ASSERT_EQ(run(with("4")), 0) << err_;  // of 450 samples
  const auto line = nlohmann::json::parse(out_).at(0);
  const std::string name = line.at("results").begin().key();
  EXPECT_THAT(line.at("interval").at(name).get<std::string>(), HasSubstr("4 independent sets"));
  const double value = line.at("results").at(name).get<double>(), low = line.at("low").at(name).get<double>();
  EXPECT_NEAR(value, 3, 0.6);
  EXPECT_LT(low, value);
  EXPECT_GT(low, 2);
  EXPECT_FALSE(line.contains("floor"));
  expect_refused(with("5"), "ask for at most 90");
}

TEST_F(EvalSets, ReadsTablesByTheScalesOfTheRealOne) {
  std::string real = "a,b\n", fake = real;
  Rng rng(5, "tables");
  const at::Tensor x = rng.normal({400, 2});
  for (int64_t i = 0; i < 400; ++i) {
    const double a = x[i][0].item<double>(), b = x[i][1].item<double>();
    real += fmt::format("{},{}\n", a, b);
    fake += fmt::format("{},{}\n", 10 * a + 5, b);
  }
  std::ofstream(file("real.csv")) << real;
  std::ofstream(file("fake.csv")) << fake;
  ASSERT_EQ(run({"--real", file("real.csv"), "--fake", file("fake.csv"), "--metrics", "fid", "--samples", "300",
                 "--no-floors", "--json"}),
            0)
      << err_;
  EXPECT_GT(nlohmann::json::parse(out_).at(0).at("results").begin()->get<double>(), 50);  // 5^2 + 9^2 = 106
}

TEST_F(EvalSets, NoticesIdenticalAndSwappedSets) {
  ASSERT_EQ(run({"--real", file("real.npz"), "--fake", file("real.npz"), "--metrics", "pr"}), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("same samples"));
  const std::string plane = file("plane.npz");
  write_npz(plane, {{"x", Rng(1).normal({100, 2})}});
  ASSERT_EQ(run({"--real", plane, "--fake", "ring", "--metrics", "pr", "--samples", "50"}), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("are they swapped?"));
}

TEST_F(EvalSets, RefusesWhatIsNotASetOfSamplesInOneLine) {
  const auto with = [&](const std::string& fake) {
    return std::vector<std::string>{"--real", file("real.npz"), "--fake", fake};
  };
  expect_refused(with(images("one.npz", 1, {4, 4})), "at least 2 are needed");
  expect_refused(with(images("none.npz", 0, {4, 4})), "no samples");
  expect_refused(with("/proc/nowhere"), "no such file or folder");
  at::Tensor broken = at::zeros({9, 3});
  broken[4][1] = NAN;
  write_npz(file("broken.npz"), {{"x", broken}});
  expect_refused(with(file("broken.npz")), "not finite");
  std::ofstream(file("text.npz")) << "text";
  expect_refused(with(file("text.npz")), "text.npz");
  std::ofstream(file("text.pt")) << "text";
  std::vector<std::string> words = with(file("fake.npz"));
  words.insert(words.end(), {"--features", file("text.pt")});
  expect_refused(words, "not a TorchScript network");
}

TEST_F(EvalSets, RefusesUnlikeSets) {
  const std::string grey = images("grey.npz", 20, {8, 8}), colour = images("colour.npz", 20, {8, 8, 3}),
                    small = images("small.npz", 20, {6, 6});
  const auto said = [&](const std::string& fake) {
    return std::vector<std::string>{"--real", grey, "--fake", fake, "--features", "pixels"};
  };
  expect_refused(said(colour), "in grey or in colour alike");
  expect_refused(said(small), "--size N");
  expect_refused(said(file("fake.npz")), "points");
  const std::string folder = file("mixed");
  std::filesystem::create_directories(folder);
  write_png(folder + "/a.png", at::zeros({1, 4, 4}, at::kByte));
  write_png(folder + "/b.png", at::zeros({1, 4, 4}, at::kByte));
  write_png(folder + "/c.png", at::zeros({1, 5, 5}, at::kByte));
  EXPECT_EQ(run(said(folder)), 2);
  EXPECT_THAT(err_, HasSubstr("c.png: 5x5 grey, most are 4x4 grey"));
}

}  // namespace
}  // namespace obverse
