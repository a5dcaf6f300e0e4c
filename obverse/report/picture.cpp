#include "obverse/report/picture.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/report/format.h"

namespace obverse {

static Picture encode(const at::Tensor& image) { return {encode_png(image), image.size(2), image.size(1)}; }

Picture read_picture(const std::string& path) {
  std::string bytes = read_file(path);
  const at::Tensor image = decode_image(bytes, path);  // [C, H, W]
  if (bytes.compare(0, 4, "\x89PNG") != 0) return encode(image);
  return {std::move(bytes), image.size(2), image.size(1)};
}

Picture shrink(const Picture& picture, int64_t max_side) {
  const int64_t longest = std::max(picture.height, picture.width);
  if (longest <= max_side) return picture;
  const auto scaled = [&](int64_t side) { return std::max<int64_t>(1, side * max_side / longest); };
  const at::Tensor image = decode_image(picture.png, "picture").to(at::kFloat);  // [C, H, W]
  const at::Tensor small = at::adaptive_avg_pool2d(image, {scaled(picture.height), scaled(picture.width)});
  return encode(small.round().to(at::kByte));
}

bool Cell::divides(const Picture& grid) const {
  return height > 0 && width > 0 && grid.height % height == 0 && grid.width % width == 0;
}

int64_t Cell::columns(const Picture& grid) const { return grid.width / width; }

int64_t Cell::count(const Picture& grid) const { return grid.height / height * columns(grid); }

Picture cut_cells(const Picture& grid, const Cell& cell, int64_t first, int64_t count, int64_t columns) {
  const at::Tensor image = decode_image(grid.png, "picture");  // [C, rows H, columns W]
  const at::Tensor cells = image.reshape({image.size(0), -1, cell.height, cell.columns(grid), cell.width})
                               .permute({1, 3, 0, 2, 4})
                               .flatten(0, 1);  // [N, C, H, W]
  const int64_t taken = std::min(count, cells.size(0) - first);
  return encode(tile_images(cells.narrow(0, first, taken).contiguous(), columns));
}

std::string image_tag(const Picture& picture, const std::string& alt, const std::string& style) {
  constexpr int64_t kCoarse = 480;  // narrower pictures are enlarged
  return fmt::format("<img class=\"{}\" alt=\"{}\" width=\"{}\" height=\"{}\"{} src=\"data:image/png;base64,{}\"/>",
                     picture.width < kCoarse ? "coarse" : "fine", escape(alt), picture.width, picture.height,
                     style.empty() ? "" : fmt::format(" style=\"{}\"", style), base64(picture.png));
}

std::string show_strip(const Picture& grid, const Cell& cell, int64_t first, int64_t count, const std::string& alt) {
  const int64_t shown = std::min(count, cell.count(grid) - first), half = (shown + 1) / 2;
  const Picture row = shrink(cut_cells(grid, cell, first, shown, shown), 1600);
  return image_tag(row, alt, fmt::format("--half:{}/{}", half * cell.width, cell.height));
}

std::string show_picture(const Picture& whole, const Presentation& how) {
  const Picture picture = shrink(whole, how.max_side);
  std::string style;
  if (how.max_width > 0) {
    const int64_t factor = std::max<int64_t>(1, how.max_width / std::max<int64_t>(1, picture.width));
    style = fmt::format("width:{}px", std::min(how.max_width, factor * picture.width));
  }
  return fmt::format("<figure class=\"picture\">{}{}</figure>", image_tag(picture, how.alt, style),
                     how.caption.empty() ? "" : fmt::format("<figcaption>{}</figcaption>", escape(how.caption)));
}

}  // namespace obverse
