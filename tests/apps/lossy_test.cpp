#include "obverse/apps/lossy.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "../temporary_folder.h"
#include "obverse/apps/lossless.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

const Domain kImages = {Domain::Kind::image, {1, 8, 8}, 256, {}};

// Images of four numbers, x = A z + noise; the model knows A and infers z.
class LinearImages : public LatentModel {
 public:
  LinearImages() {
    Rng rng(3);
    a_ = 0.3 * rng.normal({4, 64});
    name = "linear";
    hash = sha256("linear");
  }
  const Domain& domain() const override { return kImages; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {4}}}; }
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override { return at::mm(z, a_).view({-1, 1, 8, 8}); }
  bool can_encode() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor&) override {
    return at::mm(x.flatten(1), at::linalg_pinv(a_));
  }
  at::Tensor images(int64_t n, uint64_t seed = 4) {
    Rng rng(seed);
    const at::Tensor x = decode(rng.normal({n, 4}), {}) + 0.1 * rng.normal({n, 1, 8, 8});
    return (x.clamp(-1, 1) * 127.5 + 127.5).round().to(at::kByte);
  }

 private:
  at::Tensor a_;
};

double error(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kFloat) - b.to(at::kFloat)).square().mean().item<double>();
}

class Lossy : public ::testing::Test {
 protected:
  Lossy() {
    LossyFit options;
    options.code_step = 0.2;
    options.residual_step = 0.02;
    options.passes = 2;
    LossyCodec::fit(model_, model_.images(2000), options).save(path_);
    codec_ = LossyCodec::load(path_, model_);
  }
  at::Tensor back(const std::string& bytes, int64_t looked_at = 0) {
    return codec_.decompress(model_, read_bitstream(bytes, "f.obv"), "f.obv", looked_at);
  }
  LinearImages model_;
  TemporaryFolder folder_;
  std::string path_ = folder_.file("codec.safetensors");
  LossyCodec codec_;
};

TEST_F(Lossy, MoreBytesGiveABetterPictureAndManyNearlyAllOfIt) {
  const at::Tensor x = model_.images(100, 9);
  const std::string all = codec_.compress(model_, x, 120, 0);
  EXPECT_LE(all.size(), 40u + 100u * 120u);
  double last = 1e9;
  for (const int64_t bytes : {4, 6, 10, 20, 40, 80, 120}) {
    const std::string file = codec_.compress(model_, x, bytes, 0);
    EXPECT_LE(file.size(), 40u + 100u * static_cast<size_t>(bytes));
    const double now = error(back(file), x), cut = error(back(all, bytes), x);
    EXPECT_LE(now, last) << bytes;
    if (bytes >= 10) {  // to cut all where they are equally coarse is at least as good
      EXPECT_LE(now, 1.1 * cut) << bytes;
    }
    EXPECT_GT(1.6 * now, cut) << bytes;
    last = now;
  }
  EXPECT_LT(last, 20);  // squared levels of 255
}

TEST_F(Lossy, RefinementDoesNotHurt) {
  const at::Tensor x = model_.images(20, 9);
  const double plain = error(back(codec_.compress(model_, x, 8, 0)), x);
  EXPECT_LT(error(back(codec_.compress(model_, x, 8, 10)), x), 1.05 * plain);
}

TEST_F(Lossy, StreamsThatDoNotFitAreRefusedInOneLine) {
  const at::Tensor x = model_.images(3, 9);
  const std::string bytes = codec_.compress(model_, x, 20, 0);
  const auto refusal = [&](const std::string& file, int64_t looked_at = 0) -> std::string {
    try {
      back(file, looked_at);
    } catch (const UserError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(bytes), "");
  EXPECT_THAT(refusal(bytes, 3), HasSubstr("--bytes 3"));
  Bitstream stream = read_bitstream(bytes, "f");
  stream.made_with = sha256("another");
  EXPECT_THAT(refusal(write_bitstream(stream)), HasSubstr("another model"));
  stream = read_bitstream(bytes, "f");
  stream.body[5] ^= 4;
  EXPECT_THAT(refusal(write_bitstream(stream)), HasSubstr("image 0 is damaged"));
  stream = read_bitstream(bytes, "f");
  stream.count = 4;
  EXPECT_THAT(refusal(write_bitstream(stream)), HasSubstr("ends before image 3"));
  EXPECT_THROW(codec_.compress(model_, at::zeros({1, 1, 8, 9}, at::kByte), 20, 0), UserError);
  EXPECT_THROW(codec_.compress(model_, x, 3, 0), UserError);
  LinearImages other;
  other.hash = sha256("other");
  EXPECT_THROW(LossyCodec::load(path_, other), UserError);
}

// OBVERSE_FUZZ: how many times as long as usual.
int times(int usual) {
  const char* more = std::getenv("OBVERSE_FUZZ");
  return usual * (more ? std::max(1, std::atoi(more)) : 1);
}

// Streams damaged in thousands of ways, their outer checksum made to fit again so that what lies inside is reached: a
// UserError or images, never anything else. Run under the `sanitize` preset as well.
void damage_streams(const std::string& bytes, int count, const std::function<void(const Bitstream&)>& decode) {
  std::mt19937_64 random(1);
  const Bitstream whole = read_bitstream(bytes, "f");
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    Bitstream s = whole;
    for (uint64_t k = 0; k <= random() % 4; ++k) switch (random() % 6) {
        case 0:
          s.body.resize(random() % (s.body.size() + 1));
          break;
        case 1:
          s.body.append(random() % 40, static_cast<char>(random()));
          break;
        case 2:
          s.count = static_cast<int64_t>(random() % (random() % 8 == 0 ? 5000 : 8));
          break;
        case 3:
          if (!s.body.empty()) s.body.erase(random() % s.body.size(), random() % 9);
          break;
        default:
          if (!s.body.empty()) s.body[random() % s.body.size()] ^= static_cast<char>(1 << random() % 8);
      }
    std::string file = write_bitstream(s);
    if (random() % 4 == 0) file[random() % file.size()] ^= static_cast<char>(1 << random() % 8);
    try {
      decode(read_bitstream(file, "f"));
    } catch (const UserError& e) {
      ++refused;
      ASSERT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(refused, count / 2);
}

TEST_F(Lossy, DamagedStreamsNeverCrash) {
  const std::string bytes = codec_.compress(model_, model_.images(4, 9), 24, 0);
  damage_streams(bytes, times(2000), [&](const Bitstream& s) { codec_.decompress(model_, s, "f"); });
}

TEST(Lossless, DamagedStreamsNeverCrashNorGiveOtherImages) {
  for (const char* tables : {"[game]\nkind = 'vae'\nz_dim = 3\nlikelihood = 'logistic-mixture'\n[generator]\nkind = "
                             "'mlp'\nwidths = [8]\n[encoder]\nkind = 'mlp'\nwidths = [8]\n",
                             "[game]\nkind = 'made'\n[network]\nwidths = [16]\n"}) {
    const auto game = build_game(parse_recipe({tables, "test", {}}), kImages);
    freeze(*game, {});
    const auto model = game->model();
    model->name = "toy";
    model->hash = sha256(tables);
    const at::Tensor x = (Rng(3).uniform({5, 1, 8, 8}) > 0.5).to(at::kByte) * 255;
    const std::string bytes = compress_lossless(*model, x).bytes;
    damage_streams(bytes, times(500), [&](const Bitstream& s) {
      const at::Tensor found = decompress_lossless(*model, s, "f");
      EXPECT_TRUE(at::equal(found, x) || found.size(0) == 0);
    });
  }
}

}  // namespace
}  // namespace obverse
