#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "obverse/report/format.h"
#include "obverse/report/plot.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

/// A chart of the tags that match a pattern; '*' stands for one part of a tag.
struct ChartRow {
  std::string pattern, title, unit, note;
  std::optional<bool> log_scale = {};
};

const std::vector<ChartRow>& chart_table() {
  static const std::vector<ChartRow> table = {
      {"Loss/*/loss", "Loss of each player", "",
       "All that each player minimises, penalties included. In a game neither loss need fall; what counts is that "
       "neither runs away."},
      {"Loss/scores/*", "Scores", "logit",
       "The discriminator's mean logit. A gap between real and generated that keeps growing means that it is winning."},
      {"Loss/signs/*", "Signs of the scores", "mean",
       "+1: every logit is positive, taken for real. Real at +1 and generated at −1: the discriminator is certain.",
       false},
      {"Gradients/*/norm", "Gradient norms", "L2", "Over all of a player's parameters, before its optimiser's step.",
       true},
      {"Monitor/*", "Diversity while training", "share",
       "Coverage: real data with a generated sample nearby. Duplicates: generated samples with a near copy.", false},
      {"Loss/D/*", "Terms of the discriminator's loss", "", "Weights applied; their sum is minimised."},
      {"Loss/G/*", "Terms of the generator's loss", "", "Weights applied; their sum is minimised."},
      {"Loss/encoder/*", "Terms of the encoder's loss", "", "Weights applied; their sum is minimised."},
      {"Schedule/*/lr", "Learning rates", "", "As scheduled by the recipe, and lowered after a rollback."},
      {"Timing/images_per_sec", "Throughput", "images/s", "Real images seen a second, all work of a round included."},
  };
  return table;
}

const std::set<std::string>& untold_tags() {  // they are the axis, or stand in the header
  static const std::set<std::string> tags = {"Progress/kimg", "Progress/round", "Timing/total_sec"};
  return tags;
}

std::vector<std::string> parts_of(const std::string& tag) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= tag.size();) {
    const size_t end = std::min(tag.find('/', start), tag.size());
    parts.push_back(tag.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool matches(const std::string& tag, const std::string& pattern) {
  const auto have = parts_of(tag), want = parts_of(pattern);
  return have.size() == want.size() && std::equal(have.begin(), have.end(), want.begin(),
                                                  [](const auto& h, const auto& w) { return w == "*" || w == h; });
}

struct Role {
  std::string part, name, colour;
};

const std::vector<Role>& role_table() {
  static const std::vector<Role> roles = {{"G", "generator", "g"},
                                          {"D", "discriminator", "d"},
                                          {"encoder", "encoder", "e"},
                                          {"real", "real", "real"},
                                          {"fake", "generated", "g"}};
  return roles;
}

// What the line is called: the part of the tag that the pattern leaves open.
std::string open_part(const std::string& tag, const std::string& pattern) {
  const auto have = parts_of(tag), want = parts_of(pattern);
  for (size_t i = 0; i < want.size() && i < have.size(); ++i)
    if (want[i] == "*") return have[i];
  return have.back();
}

Series series_of(const Curve& curve, const std::string& pattern, size_t index) {
  if (curve.tag == pattern) return {"this run", "g", curve.x, curve.y, {}, {}};
  const std::string part = open_part(curve.tag, pattern);
  for (const Role& role : role_table())
    if (role.part == part) return {role.name, role.colour, curve.x, curve.y, {}, {}};
  return {part, fmt::format("c{}", index % 6), curve.x, curve.y, {}, {}};
}

bool same_values(const Curve& a, const Curve& b) {
  return std::equal(a.y.begin(), a.y.end(), b.y.begin(), b.y.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// "Loss/G/main" adds nothing where it is the whole of "Loss/G/loss".
bool repeats_total(const RunRecord& run, const Curve& curve) {
  const auto parts = parts_of(curve.tag);
  if (parts.size() != 3 || parts[2] == "loss") return false;
  const Curve* total = run.curve(parts[0] + "/" + parts[1] + "/loss");
  return total && same_values(curve, *total);
}

// The rows of the table, and one for the tags that no row knows, by all but their last part.
std::vector<ChartRow> rows_for(const RunRecord& run) {
  std::vector<ChartRow> rows = chart_table();
  for (const Curve& curve : run.curves) {
    const bool known =
        std::any_of(rows.begin(), rows.end(), [&](const ChartRow& r) { return matches(curve.tag, r.pattern); });
    if (known) continue;
    const size_t slash = curve.tag.rfind('/');
    const std::string group = slash == std::string::npos ? "" : curve.tag.substr(0, slash);
    rows.push_back({group.empty() ? curve.tag : group + "/*", group.empty() ? curve.tag : group, "", ""});
  }
  return rows;
}

}  // namespace

std::vector<Marker> finding_markers(const RunRecord& run) {
  std::vector<Marker> markers;
  for (const RunFinding& f : run.findings)
    if (f.severity != "info")
      markers.push_back({f.kimg, f.severity, fmt::format("{} kimg: {}", format_number(f.kimg, 4), f.cause)});
  return markers;
}

std::string draw_curves(const RunRecord& run) {
  std::set<std::string> drawn = untold_tags();
  std::string charts;
  for (const ChartRow& row : rows_for(run)) {
    Chart chart{row.title, row.unit,     run.curve("Progress/kimg") ? "kimg" : "lines",
                row.note,  {},           finding_markers(run),
                {},        row.log_scale};
    for (const Curve& curve : run.curves)
      if (matches(curve.tag, row.pattern) && !repeats_total(run, curve) && drawn.insert(curve.tag).second)
        chart.series.push_back(series_of(curve, row.pattern, chart.series.size()));
    if (!chart.series.empty()) charts += draw_chart(chart);
  }
  if (charts.empty()) return missing("No figures were written yet", "");
  std::string intro =
      "Faint: as measured. Strong: smoothed. The legend holds the last smoothed value; point at a chart to read "
      "others.";
  if (!finding_markers(run).empty()) intro += " Vertical lines mark what the monitors found.";
  return fmt::format("<p class=\"lead\">{}</p><div class=\"charts\">{}</div>", intro, charts);
}

}  // namespace obverse
