#include "obverse/report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "obverse/report/format.h"

namespace obverse {
namespace {

// Units of the view box; the style sheet lets it grow to about its natural size.
constexpr double kWidth = 400, kHeight = 216, kLeft = 44, kRight = 10, kTop = 8, kBottom = 26;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr size_t kSmoothFrom = 32, kDotsUpTo = 24, kColumns = 220, kSmoothPoints = 800;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kHuge = 1e300;  // beyond this, differences overflow

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  }
  bool empty() const { return !(low <= high); }
  void widen(double share) {
    const double pad = high > low ? share * (high - low) : high != 0 ? 0.1 * std::abs(high) : 1;
    low -= pad, high += pad;
  }
};

// The bulk of the values: all of few, from the first to the 99th percentile of many, so that one spike hides nothing.
void include_bulk(Extent& extent, std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); }), values.end());
  std::sort(values.begin(), values.end());
  const size_t cut = values.size() < 50 ? 0 : std::max<size_t>(1, values.size() / 100);
  for (size_t i = cut; i + cut < values.size(); ++i) extent.include(values[i]);
}

// A line in units of the axes.
struct Line {
  std::vector<double> x, y;
};

// A line through the mean course of `raw`, at some hundred of its points.
Line smoothed(const Line& raw) {
  const size_t n = raw.y.size(), stride = std::max<size_t>(1, n / kSmoothPoints);
  const size_t half_width = n < kSmoothFrom ? 0 : std::max<size_t>(2, n / 50);
  Line line;
  for (size_t i = 0; i < n; i = i + 1 == n ? n : std::min(i + stride, n - 1)) {
    line.x.push_back(raw.x[i]);
    line.y.push_back(smoothed_at(raw.y, i, half_width));
  }
  return line;
}

struct Point {
  double x = 0, y = 0;
};
using Segment = std::vector<Point>;  // without gaps

// Of many points, the lowest and the highest of each column of the picture, in order.
Segment thin_out(const Segment& points) {
  if (points.size() <= 2 * kColumns) return points;
  Segment kept;
  for (size_t begin = 0; begin < points.size();) {
    const auto column = [&](size_t i) { return std::floor(points[i].x * kColumns / kPlotWidth); };
    size_t end = begin, low = begin, high = begin;
    for (; end < points.size() && column(end) == column(begin); ++end) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
    }
    kept.push_back(points[std::min(low, high)]);
    if (low != high) kept.push_back(points[std::max(low, high)]);
    begin = end;
  }
  return kept;
}

std::string coordinates(const Segment& segment) {
  std::string text;
  for (const Point& p : segment) text += fmt::format("{}{:.1f},{:.1f}", text.empty() ? "" : " ", p.x, p.y);
  return text;
}

class Plot {
 public:
  explicit Plot(const Chart& chart)
      : chart_(chart),
        log_(chart.log_scale ? *chart.log_scale && all_positive(chart.series) : wants_log_scale(chart.series)) {
    for (const Series& s : chart.series) {
      Line line{s.x, to_axis(s.y)};
      for (size_t i = 0; i < line.x.size(); ++i)
        if (!(std::abs(line.x[i]) < kHuge)) line.y[i] = kNone;
      smooth_.push_back(smoothed(line));
      raw_.push_back(std::move(line));
    }
    find_extents();
  }

  bool empty() const { return x_.empty() || y_.empty(); }

  std::string svg() const {
    return fmt::format(
        "<svg viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\" data-x=\"{3} {4}\" data-y=\"{5} {6}\" "
        "data-log=\"{7}\" data-frame=\"{8} {9} {10} {11}\">{12}<svg x=\"{8}\" y=\"{9}\" width=\"{10}\" "
        "height=\"{11}\">{13}{14}{15}</svg></svg>",
        kWidth, kHeight, escape(summary()), x_.low, x_.high, y_.low, y_.high, log_ ? 1 : 0, kLeft, kTop, kPlotWidth,
        kPlotHeight, grid(), markers(), references(), lines());
  }

  std::string legend() const {
    std::string items;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const std::optional<double> last = last_value(i);
      items += fmt::format("<li class=\"{}\"><i></i>{} <b>{}</b></li>", chart_.series[i].colour,
                           escape(chart_.series[i].name), last ? format_number(*last) : "–");
    }
    for (const Reference& r : chart_.references)
      items += fmt::format("<li class=\"{} dashed\"><i></i>{} {}</li>", r.colour, escape(r.name), format_number(r.y));
    return fmt::format("<ul class=\"legend\">{}<li class=\"at\"></li></ul>", items);
  }

  // What the picture cannot show: values that are not finite, points beyond the frame.
  std::string remarks() const {
    size_t outside = 0, broken = 0;
    for (size_t s = 0; s < chart_.series.size(); ++s)
      for (size_t i = 0; i < raw_[s].y.size(); ++i) {
        const double value = raw_[s].y[i];
        if (!std::isfinite(chart_.series[s].y[i]))
          ++broken;
        else if (std::isfinite(value) && (value < y_.low || value > y_.high))
          ++outside;
      }
    std::string text;
    if (broken) text += fmt::format(" {} value{} not finite.", broken, broken == 1 ? " was" : "s were");
    if (outside) text += fmt::format(" {} outlier{} beyond the frame.", outside, outside == 1 ? " lies" : "s lie");
    return text;
  }

 private:
  std::vector<double> to_axis(std::vector<double> values) const {
    for (double& v : values) {
      if (!(std::abs(v) < kHuge)) v = kNone;
      if (log_) v = v > 0 ? std::log10(v) : kNone;
    }
    return values;
  }
  double to_axis(double value) const { return to_axis(std::vector<double>{value}).front(); }
  double from_axis(double value) const { return log_ ? std::pow(10, value) : value; }
  double px(double x) const { return (x - x_.low) / (x_.high - x_.low) * kPlotWidth; }
  double py(double axis_value) const { return (y_.high - axis_value) / (y_.high - y_.low) * kPlotHeight; }

  void find_extents() {
    for (size_t s = 0; s < chart_.series.size(); ++s) {
      const Series& series = chart_.series[s];
      for (size_t i = 0; i < series.x.size(); ++i)
        if (std::isfinite(raw_[s].y[i])) x_.include(series.x[i]);
      include_bulk(y_, raw_[s].y);
      const std::vector<double>& line = smooth_[s].y;
      for (size_t i = line.size() / 2; i < line.size(); ++i) y_.include(line[i]);
      for (const double v : to_axis(series.low)) y_.include(v);
      for (const double v : to_axis(series.high)) y_.include(v);
    }
    if (empty()) return;
    for (const Reference& r : chart_.references) y_.include(to_axis(r.y));
    if (x_.low > 0 && x_.low < 0.6 * x_.high) x_.low = 0;
    if (!(x_.high > x_.low)) x_.widen(0);
    y_.widen(0.06);
  }

  std::optional<double> last_value(size_t s) const {
    for (size_t i = smooth_[s].y.size(); i-- > 0;)
      if (std::isfinite(smooth_[s].y[i])) return from_axis(smooth_[s].y[i]);
    return std::nullopt;
  }

  std::string summary() const {
    std::string text = chart_.title;
    for (size_t s = 0; s < chart_.series.size(); ++s)
      if (const auto last = last_value(s))
        text += fmt::format("; {} ends at {}", chart_.series[s].name, format_number(*last));
    return text;
  }

  std::string grid() const {
    const std::vector<double> xs = nice_ticks(x_.low, x_.high, 4);
    const std::vector<double> ys =
        log_ ? log_ticks(from_axis(y_.low), from_axis(y_.high)) : nice_ticks(y_.low, y_.high, 4);
    const std::vector<std::string> x_texts = tick_labels(xs), y_texts = tick_labels(ys);
    std::string out;
    for (size_t i = 0; i < ys.size(); ++i) {
      const double y = kTop + py(to_axis(ys[i]));
      out += fmt::format("<line class=\"grid{}\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                         ys[i] == 0 ? " zero" : "", kLeft, kWidth - kRight, y, y);
      out += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, y + 4,
                         y_texts[i]);
    }
    for (size_t i = 0; i < xs.size(); ++i) {
      const bool last = i + 1 == xs.size();
      const double x = kLeft + px(xs[i]);
      const bool at_edge = last && x > kWidth - 40;
      out += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}{}</text>",
                         at_edge ? kWidth - 2 : x, kHeight - 8, at_edge ? "end" : "middle", x_texts[i],
                         last && !chart_.x_label.empty() ? " " + escape(chart_.x_label) : "");
    }
    return out;
  }

  std::string markers() const {
    std::string out;
    for (const Marker& m : chart_.markers) {
      if (m.x < x_.low || m.x > x_.high) continue;
      const double x = px(m.x);
      out += fmt::format(
          "<g class=\"marker {0}\"><title>{1}</title><line x1=\"{2:.1f}\" x2=\"{2:.1f}\" y1=\"0\" y2=\"{3}\"/>"
          "<polygon points=\"{4:.1f},0 {5:.1f},0 {2:.1f},7\"/></g>",
          escape(m.severity), escape(m.text), x, kPlotHeight, x - 5, x + 5);
    }
    return out;
  }

  std::string references() const {
    std::string out;
    for (const Reference& r : chart_.references) {
      const double y = py(to_axis(r.y));
      if (std::isfinite(y))
        out += fmt::format("<line class=\"reference {0}\" x1=\"0\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>",
                           r.colour, kPlotWidth, y);
    }
    return out;
  }

  std::vector<Segment> segments(const Line& line) const {
    std::vector<Segment> result(1);
    for (size_t i = 0; i < line.y.size(); ++i) {
      if (std::isfinite(line.y[i]))
        result.back().push_back({px(line.x[i]), py(line.y[i])});
      else if (!result.back().empty())
        result.emplace_back();
    }
    if (result.back().empty()) result.pop_back();
    return result;
  }

  std::string polylines(const Line& line, const char* kind) const {
    std::string out;
    for (const Segment& segment : segments(line)) {
      if (segment.size() == 1)
        out += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", segment[0].x, segment[0].y);
      out += fmt::format("<polyline class=\"{}\" points=\"{}\"/>", kind, coordinates(thin_out(segment)));
    }
    return out;
  }

  std::string band(size_t s) const {
    const Series& series = chart_.series[s];
    if (series.low.size() != series.x.size() || series.high.size() != series.x.size()) return {};
    const std::vector<double> low = to_axis(series.low), high = to_axis(series.high);
    const auto is_known = [&](size_t i) { return std::isfinite(low[i] + high[i] + raw_[s].y[i]); };
    Segment outline;
    for (size_t i = 0; i < low.size(); ++i)
      if (is_known(i)) outline.push_back({px(series.x[i]), py(high[i])});
    for (size_t i = low.size(); i-- > 0;)
      if (is_known(i)) outline.push_back({px(series.x[i]), py(low[i])});
    return fmt::format("<polygon class=\"band\" points=\"{}\"/>", coordinates(outline));
  }

  std::string dots(size_t s) const {
    const size_t n = raw_[s].y.size();
    if (n < 2 || n > kDotsUpTo) return {};
    std::string out;
    for (const Segment& segment : segments(raw_[s]))
      for (const Point& p : segment)
        out += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\"/>", p.x, p.y);
    return out;
  }

  // Every raw line lies below every smooth one.
  std::string lines() const {
    std::string below, above;
    for (size_t s = 0; s < chart_.series.size(); ++s) {
      const std::string& colour = chart_.series[s].colour;
      const bool smoothed = raw_[s].y.size() >= kSmoothFrom;
      if (smoothed) below += fmt::format("<g class=\"{}\">{}</g>", colour, polylines(raw_[s], "raw"));
      above +=
          fmt::format("<g class=\"series {}\">{}{}{}</g>", colour, band(s), polylines(smooth_[s], "line"), dots(s));
    }
    return below + above;
  }

  const Chart& chart_;
  bool log_;
  Extent x_, y_;
  std::vector<Line> raw_, smooth_;  // by series
};

}  // namespace

std::string draw_chart(const Chart& chart) {
  const Plot plot(chart);
  if (plot.empty()) return {};
  const std::string note = chart.note + plot.remarks();
  return fmt::format(
      "<figure class=\"chart\"><figcaption><h3>{}</h3>{}</figcaption>{}{}{}</figure>\n", escape(chart.title),
      chart.unit.empty() ? "" : fmt::format("<span class=\"unit\">{}</span>", escape(chart.unit)), plot.legend(),
      plot.svg(), note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>", escape(note)));
}

}  // namespace obverse
