#pragma once

#include <cstdint>
#include <string>

namespace obverse {

/// An encoded picture to show: PNG bytes and its size in pixels.
struct Picture {
  std::string png;
  int64_t width = 0, height = 0;
};

/// A picture file. Throws UserError naming the path when it is no picture or damaged.
Picture read_picture(const std::string& path);

/// The picture, its longer side brought down to `max_side` pixels if need be, so that a report stays small.
Picture shrink(const Picture& picture, int64_t max_side);

/// The pictures a grid is tiled of, when it is one of cells of height x width.
struct Cell {
  int64_t height = 0, width = 0;
  /// Whether a picture can be such a grid.
  bool divides(const Picture& grid) const;
  int64_t count(const Picture& grid) const;
  int64_t columns(const Picture& grid) const;
};

/// Cells first .. first + count - 1 of a grid, `columns` in a row.
Picture cut_cells(const Picture& grid, const Cell& cell, int64_t first, int64_t count, int64_t columns);

struct Presentation {
  std::string alt;
  std::string caption;    // under the picture; may be empty
  int64_t max_width = 0;  // in CSS pixels; 0: as wide as its place
  int64_t max_side = 1600;
};

/// <figure><img src="data:..."></figure>. Small pictures are enlarged by whole factors and keep their pixels' edges.
std::string show_picture(const Picture& whole, const Presentation& how);
/// The <img> alone.
std::string image_tag(const Picture& picture, const std::string& alt, const std::string& style = "");

/// One row of pictures, `count` at most, as an <img>; narrow screens show the left half of it.
std::string show_strip(const Picture& grid, const Cell& cell, int64_t first, int64_t count, const std::string& alt);

}  // namespace obverse
