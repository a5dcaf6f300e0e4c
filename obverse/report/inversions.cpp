#include <fmt/format.h>

#include <algorithm>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

constexpr int64_t kStrip = 12;  // images in a row

std::string method_of(const Inversion& inversion) {
  const std::string method = text_of(inversion.summary, "method");
  return method.empty() ? inversion.folder : method;
}

/// A column of the table of methods: which members of summary.json it shows.
struct Column {
  std::string title;
  std::string (*text)(const nlohmann::json& summary);  // "" when there is nothing to say
};

std::string number_text(const nlohmann::json& summary, const std::string& key) {
  const auto value = number_of(summary, key);
  return value && std::isfinite(*value) ? format_number(*value) : "";
}

std::string error_text(const nlohmann::json& s) {
  const std::string median = number_text(s, "mse_median"), tail = number_text(s, "mse_p95");
  return tail.empty() ? median : fmt::format("{} <small>95 %: {}</small>", median, tail);
}

std::string effort_text(const nlohmann::json& s) {
  const double steps = number_of(s, "steps").value_or(0), restarts = number_of(s, "restarts").value_or(1);
  if (!(steps > 0)) return "one pass";
  return fmt::format("{} steps{}", format_number(steps, 7),
                     restarts > 1 ? fmt::format(" × {} starts", format_number(restarts, 7)) : "");
}

std::string time_text(const nlohmann::json& s) {
  const auto seconds = number_of(s, "seconds_per_image");
  return seconds && std::isfinite(*seconds) ? format_duration(*seconds) : "";
}

std::string recovered_text(const nlohmann::json& s) {
  const auto share = number_of(s, "recovered_share");
  if (!share || !std::isfinite(*share)) return "";
  const std::string within = number_text(s, "recovered_within");
  return format_number(100 * *share) + " %" + (within.empty() ? within : " <small>within " + within + "</small>");
}

const std::vector<Column>& columns() {
  static const std::vector<Column> table = {
      {"Images",
       [](const nlohmann::json& s) {
         return number_text(s, "images") + " <small>" + escape(text_of(s, "target")) + "</small>";
       }},
      {"Effort", effort_text},
      {"Squared error, median", error_text},
      {"PSNR, median",
       [](const nlohmann::json& s) {
         const std::string psnr = number_text(s, "psnr_median");
         return psnr.empty() ? psnr : psnr + " dB";
       }},
      {"Error in features", [](const nlohmann::json& s) { return number_text(s, "feature_error_median"); }},
      {"Time an image", time_text},
      {"Codes found again", recovered_text},
  };
  return table;
}

std::string draw_table(const RunRecord& run) {
  std::vector<const Column*> shown;  // columns that say something of some method
  for (const Column& column : columns())
    if (std::any_of(run.inversions.begin(), run.inversions.end(),
                    [&](const Inversion& i) { return !column.text(i.summary).empty(); }))
      shown.push_back(&column);
  std::string head = "<th>Method</th>", rows;
  for (const Column* column : shown) head += fmt::format("<th>{}</th>", column->title);
  for (const Inversion& inversion : run.inversions) {
    rows += fmt::format("<tr><th>{}</th>", escape(method_of(inversion)));
    for (const Column* column : shown) {
      const std::string text = column->text(inversion.summary);
      rows += fmt::format("<td data-label=\"{}\">{}</td>", column->title, text.empty() ? "–" : text);
    }
    rows += "</tr>";
  }
  return fmt::format("<table class=\"methods\"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, rows);
}

// Inversions of the same originals, to be shown below one another.
std::vector<std::vector<const Inversion*>> by_originals(const RunRecord& run) {
  std::vector<std::vector<const Inversion*>> groups;
  for (const Inversion& inversion : run.inversions) {
    if (!inversion.originals || !inversion.reconstructions) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.front()->originals->png == inversion.originals->png;
    });
    if (same == groups.end())
      groups.push_back({&inversion});
    else
      same->push_back(&inversion);
  }
  return groups;
}

bool fits(const Inversion& i, const Cell& cell) {
  const auto is_grid = [&](const Picture& p) {
    return cell.divides(p) && p.width == i.originals->width && p.height == i.originals->height;
  };
  return is_grid(*i.originals) && is_grid(*i.reconstructions) && (!i.errors || is_grid(*i.errors));
}

std::string strip(const std::string& label, const Picture& grid, const Cell& cell, int64_t first, const char* kind) {
  return fmt::format("<li class=\"{}\"><span>{}</span>{}</li>", kind, escape(label),
                     show_strip(grid, cell, first, kStrip, label));
}

// Row by row: originals, then what each method made of them and where it errs.
std::string draw_strips(const std::vector<const Inversion*>& group, const Cell& cell) {
  std::string out;
  const Picture& originals = *group.front()->originals;
  const int64_t rows = group.size() > 1 ? 1 : 2;
  for (int64_t row = 0; row < rows && row * kStrip < cell.count(originals); ++row) {
    std::string items = strip("original", originals, cell, row * kStrip, "original");
    for (const Inversion* inversion : group) {
      const std::string method = group.size() > 1 ? method_of(*inversion) : "reconstruction";
      items += strip(method, *inversion->reconstructions, cell, row * kStrip, "made");
      if (inversion->errors) items += strip("error", *inversion->errors, cell, row * kStrip, "error");
    }
    out += fmt::format("<ol class=\"strips compare\">{}</ol>", items);
  }
  return out;
}

std::string draw_grids(const Inversion& inversion) {
  const auto show = [&](const std::optional<Picture>& picture, const char* caption) {
    return picture ? show_picture(*picture, {caption, caption, 360}) : std::string();
  };
  return fmt::format("<div class=\"triple\">{}{}{}</div>", show(inversion.originals, "Originals"),
                     show(inversion.reconstructions, "Reconstructions"), show(inversion.errors, "Errors"));
}

std::string draw_pictures(const RunRecord& run) {
  std::string out;
  const bool has_cell = run.model && run.model->shape.size() == 3;
  const Cell cell = has_cell ? Cell{run.model->shape[1], run.model->shape[2]} : Cell{};
  for (const auto& group : by_originals(run)) {
    const std::string target = text_of(group.front()->summary, "target");
    if (!target.empty()) out += fmt::format("<h3>{}</h3>", escape(target));
    if (std::all_of(group.begin(), group.end(), [&](const Inversion* i) { return fits(*i, cell); })) {
      out += draw_strips(group, cell);
    } else {
      for (const Inversion* inversion : group)
        out += fmt::format("<h4>{}</h4>{}", escape(method_of(*inversion)), draw_grids(*inversion));
    }
  }
  return out;
}

}  // namespace

std::string draw_inversions(const RunRecord& run) {
  if (run.inversions.empty())
    return missing("No image was taken back to its latent code yet",
                   fmt::format("obverse invert {} --out {}", shell_path(run), shell_path(run, "inversion-optimise")));
  return fmt::format(
      "<p class=\"lead\">The other side of the coin: each image is taken back to a latent code z, and the generator "
      "makes G(z) of it again. Where the two differ, the error row is bright.</p>{}{}",
      draw_table(run), draw_pictures(run));
}

}  // namespace obverse
