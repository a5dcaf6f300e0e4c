#include <ATen/ATen.h>
#include <png.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "obverse/core/error.h"
#include "obverse/io/codecs.h"

namespace obverse {
namespace {

// All that lives across libpng's longjmp: no object is made or destroyed between setjmp and an error.
struct PngReader {
  const std::string* bytes = nullptr;
  size_t at = 0;
  std::string error;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<unsigned char> pixels;  // [H, W, channels]
  std::vector<png_bytep> rows;
  size_t width = 0, height = 0, channels = 0;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  static_cast<PngReader*>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // about ancillary chunks: colour profiles, texts

void on_read(png_structp png, png_bytep out, png_size_t size) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (size > reader->bytes->size() - reader->at) png_error(png, "the file is cut short");
  std::memcpy(out, reader->bytes->data() + reader->at, size);
  reader->at += size;
}

void read_header(PngReader& r) {
  png_set_read_fn(r.png, &r, on_read);
  png_set_user_limits(r.png, 1u << 16, 1u << 16);
  png_read_info(r.png, r.info);
  r.width = png_get_image_width(r.png, r.info), r.height = png_get_image_height(r.png, r.info);
  if (uint64_t{r.width} * r.height > kMaxPixels) png_error(r.png, "too many pixels");
  png_set_expand(r.png);  // palettes, less than 8 bits, transparent colours
  png_set_scale_16(r.png);
  png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  r.channels = png_get_channels(r.png, r.info);
}

// Returns false when libpng reports an error, in r.error.
bool read_pixels(PngReader& r) {
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
  r.info = r.png ? png_create_info_struct(r.png) : nullptr;
  if (!r.info) throw std::bad_alloc();
  if (setjmp(png_jmpbuf(r.png))) return false;
  read_header(r);
  r.pixels.resize(r.width * r.height * r.channels);
  r.rows.resize(r.height);
  for (size_t y = 0; y < r.height; ++y) r.rows[y] = r.pixels.data() + y * r.width * r.channels;
  png_read_image(r.png, r.rows.data());
  png_read_end(r.png, nullptr);
  return true;
}

}  // namespace

at::Tensor decode_png(const std::string& bytes, const std::string& where) {
  PngReader reader;
  reader.bytes = &bytes;
  if (!read_pixels(reader)) fail("{}: unreadable PNG: {}", where, reader.error);
  const size_t channels = reader.channels, colours = channels < 3 ? 1 : 3, area = reader.width * reader.height;
  const bool alpha = channels == 2 || channels == 4;
  at::Tensor image = at::empty(
      {static_cast<int64_t>(colours), static_cast<int64_t>(reader.height), static_cast<int64_t>(reader.width)},
      at::kByte);
  auto* out = image.data_ptr<uint8_t>();
  for (size_t i = 0; i < area; ++i) {
    const unsigned char* pixel = reader.pixels.data() + i * channels;
    const unsigned a = alpha ? pixel[colours] : 255;
    for (size_t c = 0; c < colours; ++c)
      out[c * area + i] = static_cast<uint8_t>((pixel[c] * a + 255 * (255 - a) + 127) / 255);  // over white
  }
  return image;
}

}  // namespace obverse
