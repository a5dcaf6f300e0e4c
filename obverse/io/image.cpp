#include "obverse/io/image.h"

#include <ATen/ATen.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "obverse/core/error.h"
#include "obverse/io/codecs.h"
#include "obverse/io/files.h"

namespace obverse {

at::Tensor decode_image(const std::string& bytes, const std::string& where) {
  if (bytes.compare(0, 4, "\x89PNG") == 0) return decode_png(bytes, where);
  if (bytes.compare(0, 3, "\xff\xd8\xff") == 0) return decode_jpeg(bytes, where);
  if (bytes.empty()) fail("{}: the file is empty", where);
  fail("{}: neither PNG nor JPEG", where);
}

at::Tensor read_image(const std::string& path) { return decode_image(read_file(path, uint64_t{1} << 30), path); }

std::string encode_png(const at::Tensor& image) {
  if (image.dim() != 3 || image.scalar_type() != at::kByte || (image.size(0) != 1 && image.size(0) != 3))
    throw std::logic_error("encode_png needs uint8 [1 or 3, H, W]");
  const at::Tensor rows = image.cpu().permute({1, 2, 0}).contiguous();  // [H, W, C]
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.size(2));
  png.height = static_cast<png_uint_32>(image.size(1));
  png.format = image.size(0) == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, rows.data_ptr(), 0, nullptr))
    throw std::logic_error(std::string("libpng cannot encode: ") + png.message);
  bytes.resize(size);
  return bytes;
}

namespace {

std::string big_endian(uint32_t value, int bytes = 4) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string chunk(const std::string& kind, const std::string& data) {
  const std::string body = kind + data;
  const uLong checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(static_cast<uint32_t>(checksum));
}

// The data of all chunks of this kind of a PNG that was just encoded.
std::string data_of(const std::string& png, const std::string& kind) {
  std::string data;
  for (size_t at = 8; at + 12 <= png.size();) {
    size_t size = 0;
    for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(png[at + i]);
    if (png.compare(at + 4, 4, kind) == 0) data += png.substr(at + 8, size);
    at += 12 + size;
  }
  return data;
}

}  // namespace

std::string encode_apng(const at::Tensor& frames, double frames_a_second) {
  constexpr uint32_t kDelayUnits = 1000;  // a second
  const auto count = static_cast<uint32_t>(frames.size(0));
  const std::string size =
      big_endian(static_cast<uint32_t>(frames.size(3))) + big_endian(static_cast<uint32_t>(frames.size(2)));
  const std::string delay =
      big_endian(static_cast<uint32_t>(std::lround(kDelayUnits / frames_a_second)), 2) + big_endian(kDelayUnits, 2);
  std::string file;
  uint32_t sequence = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string png = encode_png(frames[i]);
    if (i == 0)
      file = png.substr(0, 8) + chunk("IHDR", data_of(png, "IHDR")) + chunk("acTL", big_endian(count) + big_endian(0));
    file += chunk("fcTL", big_endian(sequence++) + size + big_endian(0) + big_endian(0) + delay + std::string(2, 0));
    file += i == 0 ? chunk("IDAT", data_of(png, "IDAT")) : chunk("fdAT", big_endian(sequence++) + data_of(png, "IDAT"));
  }
  return file + chunk("IEND", "");
}

void write_png(const std::string& path, const at::Tensor& image) { write_file(path, encode_png(image)); }

at::Tensor to_bytes(const at::Tensor& x) {
  return (x.detach().to(at::kFloat) * 127.5 + 127.5).round().nan_to_num(0).clamp(0, 255).to(at::kByte);
}

at::Tensor tile_images(const at::Tensor& x, int64_t columns) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  if (columns <= 0) columns = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n)))));
  const int64_t rows = (n + columns - 1) / columns;
  at::Tensor cells = at::zeros({rows * columns, c, h, w}, x.options());
  cells.slice(0, 0, n).copy_(x);
  return cells.reshape({rows, columns, c, h, w}).permute({2, 0, 3, 1, 4}).reshape({c, rows * h, columns * w});
}

}  // namespace obverse
