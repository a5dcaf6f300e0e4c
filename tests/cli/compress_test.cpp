// From training to files and back, by the program itself.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../program.h"
#include "../temporary_folder.h"
#include "obverse/core/rng.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::slurp;
using testing::TemporaryFolder;

class Compress : public ::testing::Test {
 protected:
  std::string run(const std::vector<std::string>& arguments, int status = 0) {
    Program program(arguments, folder_.file("log"));
    EXPECT_EQ(program.wait(), status) << program.err();
    return status == 0 ? program.out() : program.err();
  }
  // Bright squares at places of their own on black.
  void draw_images(int64_t n) {
    std::filesystem::create_directories(folder_.file("images"));
    Rng rng(1);
    for (int64_t i = 0; i < n; ++i) {
      at::Tensor image = at::zeros({1, 12, 12}, at::kByte);
      const int64_t x = rng.integers(7, {1}).item<int64_t>(), y = rng.integers(7, {1}).item<int64_t>();
      image.slice(1, y, y + 5).slice(2, x, x + 5).fill_(150 + rng.integers(100, {1}).item<int64_t>());
      write_png(folder_.file("images/" + std::to_string(1000 + i) + ".png"), image);
    }
  }
  void train(const std::string& likelihood) {
    std::ofstream(folder_.file("r.toml"))
        << "name = 'm'\n[data]\nsource = '" << folder_.file("images") << "'\n[game]\nkind = 'vae'\nz_dim = 4\n"
        << "likelihood = '" << likelihood << "'\n[generator]\nkind = 'mlp'\nwidths = [32]\n"
        << "optimiser = { lr = 3e-3, beta1 = 0.9 }\n[encoder]\nkind = 'mlp'\nwidths = [32]\n"
        << "[train]\nkimg = 12\nbatch = 20\nmonitors = false\nprecision = 'float32'\n";
    run({"train", folder_.file("r.toml"), "--out", folder_.file("runs"), "--quiet"});
    model_ = folder_.file("runs/00000-m");
  }
  void use(const char* threads, const char* kernels, const char* blas, const char* onednn) {
    setenv("OMP_NUM_THREADS", threads, 1);
    setenv("ATEN_CPU_CAPABILITY", kernels, 1);
    setenv("OPENBLAS_CORETYPE", blas, 1);
    setenv("DNNL_MAX_CPU_ISA", onednn, 1);
  }
  void use_the_usual() {
    for (const char* name : {"OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE", "DNNL_MAX_CPU_ISA"})
      unsetenv(name);
  }
  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Compress, LosslessFilesAreReadByOtherProcessorsAndThreads) {
  draw_images(150);
  train("logistic-mixture");
  const std::string images = folder_.file("images"), file = folder_.file("a.obv"), other = folder_.file("b.obv");
  use("1", "avx2", "Haswell", "AVX2");
  const auto summary = nlohmann::json::parse(run({"compress", model_, images, "--out", file, "--json"}));
  if (__builtin_cpu_supports("avx512f"))
    use("2", "avx512", "SkylakeX", "ALL");
  else  // an older one still
    use("2", "default", "Sandybridge", "SSE41");
  run({"compress", model_, images, "--out", other});
  run({"decompress", model_, file, "--out", folder_.file("back")});
  use_the_usual();
  EXPECT_EQ(slurp(file), slurp(other));
  EXPECT_EQ(summary["images"], 150);
  EXPECT_LT(summary["bits_per_dim"].get<double>(), 4);
  for (int64_t i = 0; i < 150; ++i) {
    const std::string back = folder_.file("back/image" + std::to_string(100000 + i).substr(1) + ".png");
    ASSERT_TRUE(at::equal(read_image(images + "/" + std::to_string(1000 + i) + ".png"), read_image(back))) << i;
  }
}

TEST_F(Compress, LossyFilesGiveBetterPicturesFromMoreBytesAndMistakesAreOneLine) {
  draw_images(150);
  train("gaussian");
  const std::string images = folder_.file("images"), file = folder_.file("a.obv");
  run({"compress", model_, images, "--lossy", "--bytes", "60", "--refine", "5", "--out", file, "--look",
       folder_.file("look")});
  const nlohmann::json look = nlohmann::json::parse(slurp(folder_.file("look/summary.json")));
  ASSERT_EQ(look["rates"].size(), 4);  // 10, 20, 50 and all bytes
  EXPECT_EQ(look["rates"][3]["bytes"], 60);
  for (int64_t i = 1; i < 4; ++i) EXPECT_GT(look["rates"][i]["psnr"], look["rates"][i - 1]["psnr"]);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("look/rates.png")));
  const auto error = [&](const std::string& bytes) {
    run({"decompress", model_, file, "--bytes", bytes, "--out", folder_.file("back")});
    double sum = 0;
    for (int64_t i = 0; i < 150; ++i)
      sum += (read_image(folder_.file("back/image" + std::to_string(100000 + i).substr(1) + ".png")).to(at::kFloat) -
              read_image(images + "/" + std::to_string(1000 + i) + ".png"))
                 .square()
                 .mean()
                 .item<double>();
    return sum / 150;
  };
  const double coarse = error("6"), fine = error("60");
  EXPECT_LT(fine, 0.5 * coarse);
  const std::string content = slurp(file);
  const auto refused = [&](const std::string& bytes) {
    std::ofstream(folder_.file("damaged.obv"), std::ios::binary) << bytes;
    return run({"decompress", model_, folder_.file("damaged.obv"), "--out", folder_.file("none")}, 2);
  };
  EXPECT_THAT(refused(content.substr(0, content.size() / 2)), HasSubstr("cut short"));
  std::string altered = content;
  altered[content.size() / 2] ^= 1;
  EXPECT_THAT(refused(altered), HasSubstr("altered"));
  EXPECT_THAT(refused("not a stream"), HasSubstr("not a file of compressed images"));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("none")));
  EXPECT_THAT(run({"compress", model_, images, "--bytes", "20"}, 2), HasSubstr("--bytes requires --lossy"));
  Program kept({"compress", model_, images, "--lossy", "--passes", "1", "--out", folder_.file("b.obv")},
               folder_.file("log"));
  EXPECT_EQ(kept.wait(), 0);
  EXPECT_THAT(kept.err(), HasSubstr("--refit"));
  const std::string newer = folder_.file("newer.obv");
  run({"compress", model_, images, "--lossy", "--refit", "--code-step", "0.5", "--out", newer});
  run({"decompress", model_, newer, "--out", folder_.file("new")});
  EXPECT_EQ(error("60"), fine) << "a file of the codec before";
  EXPECT_THAT(run({"compress", model_, images, "--out", file}, 2), HasSubstr("density"));
  EXPECT_THAT(run({"compress", model_, images, "--lossy", "--lossless"}, 2), HasSubstr("exclude"));
}

}  // namespace
}  // namespace obverse
