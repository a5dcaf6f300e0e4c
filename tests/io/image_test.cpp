#include "obverse/io/image.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>

#include "obverse/io/files.h"
#include "obverse/io/npz.h"
#include "obverse/io/resize.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::expect_damage_survived;
using ::obverse::testing::expect_truncations_refused;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

const NamedTensors& fixture() {
  static const NamedTensors arrays = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/io.npz");
  return arrays;
}

std::string bytes_of(const at::Tensor& t) { return {static_cast<const char*>(t.data_ptr()), t.nbytes()}; }

std::string picture(const std::string& name) { return bytes_of(find_tensor(fixture(), "picture." + name, "io.npz")); }

int64_t largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<int64_t>();
}

at::Tensor decode(const std::string& bytes) { return decode_image(bytes, "picture"); }

TEST(Image, DecodesEveryKindAsPillowDoes) {
  int pictures = 0;
  for (const auto& [key, encoded] : fixture()) {
    if (key.rfind("picture.", 0) != 0) continue;
    SCOPED_TRACE(key);
    const std::string name = key.substr(8);
    const at::Tensor expected = find_tensor(fixture(), "pixels." + name, "io.npz").permute({2, 0, 1});
    const at::Tensor image = decode_image(bytes_of(encoded), name);
    ASSERT_EQ(image.sizes(), expected.sizes());
    // JPEG decoders may round the inverse transform differently; compositing rounds half up here.
    const int64_t tolerance = name.rfind("jpeg", 0) == 0 ? 2 : name == "rgba" ? 1 : 0;
    EXPECT_LE(largest_difference(image, expected), tolerance);
    ++pictures;
  }
  EXPECT_EQ(pictures, 12);
}

TEST(Image, PutsTransparencyOnWhite) {
  const at::Tensor image = decode(picture("rgba"));
  EXPECT_EQ(image.size(0), 3);
  EXPECT_TRUE(image.is_contiguous());
}

TEST(Image, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  for (const int64_t channels : {1, 3}) {
    const at::Tensor image = at::randint(256, {channels, 13, 7}, at::kByte);
    write_png(folder.file("a.png"), image);
    EXPECT_TRUE(at::equal(read_image(folder.file("a.png")), image));
  }
}

TEST(Image, RefusesEveryTruncation) {
  for (const char* name : {"grey", "palette", "interlaced", "jpeg grey", "jpeg colour progressive"}) {
    SCOPED_TRACE(name);
    expect_truncations_refused(picture(name), decode);
  }
}

TEST(Image, SurvivesDamageToAnyByte) {
  for (const char* name : {"grey", "transparent palette", "interlaced", "jpeg grey", "jpeg colour progressive"}) {
    SCOPED_TRACE(name);
    expect_damage_survived(picture(name), decode);
  }
}

TEST(Image, SaysWhatIsWrong) {
  EXPECT_EQ(refusal([] { decode_image("hello", "a.png"); }), "a.png: neither PNG nor JPEG");
  EXPECT_EQ(refusal([] { decode_image("", "a.png"); }), "a.png: the file is empty");
  EXPECT_EQ(refusal([] { decode_image(picture("grey").substr(0, 60), "a.png"); }),
            "a.png: unreadable PNG: the file is cut short");
  EXPECT_THAT(refusal([] { decode_image(picture("jpeg grey").substr(0, picture("jpeg grey").size() / 2), "a.jpg"); }),
              HasSubstr("a.jpg: unreadable JPEG: "));
  EXPECT_THAT(refusal([] { decode_image(bytes_of(find_tensor(fixture(), "refused.cmyk", "")), "a.jpg"); }),
              HasSubstr("CMYK"));
}

TEST(Image, RefusesPixelsWithoutEnd) {
  std::string bytes = picture("grey");
  bytes.replace(16, 8, std::string("\0\0\xff\xff\0\0\xff\xff", 8));  // 65535 x 65535
  const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + 12, 17);
  for (size_t i = 0; i < 4; ++i) bytes[29 + i] = static_cast<char>(sum >> (24 - 8 * i));
  EXPECT_EQ(refusal([&] { decode(bytes); }), "picture: unreadable PNG: too many pixels");
}

TEST(ToBytes, InvertsTheMappingToMinusOneToOneForEveryByte) {
  const at::Tensor bytes = at::arange(256, at::kByte).view({1, 1, 16, 16});
  EXPECT_TRUE(at::equal(to_bytes(bytes.to(at::kFloat) / 127.5 - 1), bytes));
}

TEST(ToBytes, ClampsAndRoundsToNearest) {
  const at::Tensor x =
      at::tensor({-2.0, -1.0, 0.0, 1.0, 3.0, 1.4 / 127.5 - 1, 1.6 / 127.5 - 1}, at::kFloat).view({1, 1, 1, 7});
  EXPECT_TRUE(at::equal(to_bytes(x).flatten(), at::tensor({0, 0, 128, 255, 255, 1, 2}, at::kByte)));
}

TEST(TileImages, LaysOutRowByRowWithBlackAtTheEnd) {
  const at::Tensor x = at::tensor({1, 2, 3}, at::kByte).view({3, 1, 1, 1});
  EXPECT_TRUE(at::equal(tile_images(x), at::tensor({1, 2, 3, 0}, at::kByte).view({1, 2, 2})));
  EXPECT_TRUE(at::equal(tile_images(x, 3), at::tensor({1, 2, 3}, at::kByte).view({1, 1, 3})));
  EXPECT_EQ(tile_images(at::zeros({10, 3, 4, 5}, at::kByte), 4).sizes(), (at::IntArrayRef{3, 12, 20}));
}

TEST(Resize, EqualsPillowsBicubicBitForBit) {
  const at::Tensor source = find_tensor(fixture(), "resize.source", "io.npz").view({1, 1, 23, 17});
  int sizes = 0;
  for (const auto& [name, expected] : fixture()) {
    if (name.rfind("resize.", 0) != 0 || name == "resize.source") continue;
    const at::Tensor resized = resize_bicubic(source, expected.size(0), expected.size(1));
    EXPECT_TRUE(at::equal(resized[0][0], expected)) << name;
    ++sizes;
  }
  EXPECT_EQ(sizes, 6);
}

TEST(Resize, OfFloatsEqualsPillowsModeF) {
  const at::Tensor source = find_tensor(fixture(), "resize.source", "io.npz").view({1, 1, 23, 17}).to(at::kFloat);
  int sizes = 0;
  for (const auto& [name, expected] : fixture()) {
    if (name.rfind("resize_float.", 0) != 0) continue;
    const at::Tensor resized = resize_bicubic(source, expected.size(0), expected.size(1));
    EXPECT_TRUE(at::allclose(resized[0][0], expected, 1e-6, 1e-4)) << name;  // float32 of up to 255
    ++sizes;
  }
  EXPECT_EQ(sizes, 6);
}

TEST(Resize, TreatsEveryPlaneAlike) {
  const at::Tensor x = at::randint(256, {5, 3, 9, 12}, at::kByte);
  const at::Tensor resized = resize_bicubic(x, 6, 7);
  for (int64_t n = 0; n < 5; ++n)
    for (int64_t c = 0; c < 3; ++c)
      EXPECT_TRUE(at::equal(resized[n][c], resize_bicubic(x[n][c].view({1, 1, 9, 12}), 6, 7)[0][0]));
}

TEST(Resize, CutsTheMiddleSquare) {
  const at::Tensor x = at::arange(12, at::kByte).view({1, 1, 2, 6});
  EXPECT_TRUE(at::equal(resize_square(x, 2).flatten(), at::tensor({2, 3, 8, 9}, at::kByte)));
}

// Chunk by chunk by the specification: a count of frames, and sequence numbers over fcTL and fdAT together.
TEST(Apng, HoldsEveryFrameInOrder) {
  const at::Tensor frames = at::randint(0, 256, {3, 3, 5, 4}, at::kByte);
  const std::string bytes = encode_apng(frames, 20);
  EXPECT_TRUE(decode(bytes).equal(frames[0]));  // what shows where animation is not understood
  std::string kinds;
  uint32_t sequence = 0;
  std::vector<std::string> data(3);
  const auto number = [&](size_t at) {
    return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])) << 24 |
           static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 16 |
           static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 2])) << 8 |
           static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 3]));
  };
  size_t frame = 0;
  for (size_t at = 8; at < bytes.size(); at += 12 + number(at)) {
    const std::string kind = bytes.substr(at + 4, 4);
    kinds += kind + " ";
    if (kind == "acTL") {
      EXPECT_EQ(number(at + 8), 3u);
    }
    if (kind == "fcTL" || kind == "fdAT") {
      EXPECT_EQ(number(at + 8), sequence++);
    }
    if (kind == "fcTL") {
      EXPECT_EQ(number(at + 12), 4u);
      EXPECT_EQ(number(at + 16), 5u);
      EXPECT_EQ(bytes.substr(at + 28, 4), std::string("\0\x32\x03\xe8", 4));  // 50 / 1000 s
      ++frame;
    }
    if (kind == "fdAT") data[frame - 1] = bytes.substr(at + 12, number(at) - 4);
  }
  EXPECT_EQ(kinds, "IHDR acTL fcTL IDAT fcTL fdAT fcTL fdAT IEND ");
  std::string last = encode_png(frames[2]);  // its data, cut out of a file of its own
  const size_t at = last.find("IDAT");
  EXPECT_EQ(data[2], last.substr(at + 4, data[2].size()));
}

TEST(FitImage, TakesAnyPictureAsImagesOfAShape) {
  const at::Tensor colour = at::arange(3 * 6 * 4, at::kByte).view({3, 6, 4});
  EXPECT_TRUE(at::equal(fit_image(colour, 3, 6, 4), colour));
  const at::Tensor grey = with_channels(colour, 1);
  EXPECT_EQ(grey[0][0][0].item<int64_t>(), std::lround(0.587 * 24 + 0.114 * 48));
  EXPECT_TRUE(at::equal(fit_image(grey, 3, 6, 4), grey.expand({3, 6, 4})));
  EXPECT_TRUE(at::equal(fit_image(colour, 3, 4, 4), colour.slice(1, 1, 5)));  // the middle square
  EXPECT_EQ(fit_image(colour, 1, 3, 2).sizes(), at::IntArrayRef({1, 3, 2}));
}

}  // namespace
}  // namespace obverse
