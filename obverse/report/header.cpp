#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "obverse/report/format.h"
#include "obverse/report/metric_words.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

std::optional<double> last_of(const RunRecord& run, const std::string& tag) {
  const Curve* curve = run.curve(tag);
  if (!curve) return std::nullopt;
  for (size_t i = curve->y.size(); i-- > 0;)
    if (std::isfinite(curve->y[i])) return curve->y[i];
  return std::nullopt;
}

std::optional<double> median_of(const RunRecord& run, const std::string& tag) {
  const Curve* curve = run.curve(tag);
  std::vector<double> values;
  if (curve)
    std::copy_if(curve->y.begin(), curve->y.end(), std::back_inserter(values),
                 [](double v) { return std::isfinite(v) && v > 0; });
  if (values.empty()) return std::nullopt;
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::string join(std::vector<std::string> parts, const char* separator) {
  parts.erase(std::remove(parts.begin(), parts.end(), std::string()), parts.end());
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string data_text(const RunRecord& run) {
  std::string shape;
  if (run.model && !run.model->shape.empty()) {
    shape = fmt::format("{}{}", fmt::join(run.model->shape, "×"), run.model->domain == "image" ? "" : "-D points");
    if (!run.model->classes.empty()) shape += fmt::format(", {} classes", run.model->classes.size());
  }
  return join({run.option("data.source"), shape}, ", ");
}

std::string game_text(const RunRecord& run) {
  const bool conditional = run.option("game.conditional") == "true";
  return join({run.option("game.kind"), run.option("game.loss"), conditional ? "conditional" : ""}, ", ");
}

std::string networks_text(const RunRecord& run) {
  std::vector<std::string> parts;
  if (run.model)
    for (const auto& [name, count] : run.model->parameters) {
      const auto n = static_cast<double>(count);
      const std::string size = count < 10000 ? format_number(n, 4) : format_number(n / 1e6, 2) + " M";
      parts.push_back(fmt::format("{} of {} weights", join({name, run.option(name + ".kind")}, " "), size));
    }
  return join(parts, "; ");
}

std::string length_text(const RunRecord& run) {
  const auto kimg = last_of(run, "Progress/kimg");
  const auto seconds = last_of(run, "Timing/total_sec");
  return join({kimg ? format_number(*kimg, 4) + " kimg" : "", seconds ? "in " + format_duration(*seconds) : ""}, " ");
}

std::string speed_text(const RunRecord& run) {
  const auto rate = median_of(run, "Timing/images_per_sec");
  return rate ? format_number(*rate) + " images a second" : "";
}

// The line of the log in which the engine introduced itself.
std::string engine_text(const RunRecord& run) {
  for (const std::string& line : run.log)
    if (line.find("LibTorch") != std::string::npos && line.size() < 200) return line;
  return {};
}

std::string facts(const RunRecord& run) {
  const std::string precision = run.option("train.precision");
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"Data", data_text(run)},
      {"Game", game_text(run)},
      {"Networks", networks_text(run)},
      {"Trained", length_text(run)},
      {"Speed", speed_text(run)},
      {"When", run.started ? format_time(*run.started) : ""},
      {"Engine", join({engine_text(run), precision.empty() ? "" : "precision " + precision}, ", ")},
      {"Seed", run.option("train.seed")}};
  std::string out;
  for (const auto& [term, text] : rows)
    if (!text.empty()) out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", term, escape(text));
  return fmt::format("<dl class=\"facts\">{}</dl>", out);
}

std::string tile(const std::string& value, const std::string& label, const std::string& below) {
  return fmt::format("<li><b>{}</b><span>{}</span><small>{}</small></li>", escape(value), escape(label), escape(below));
}

// The newest measurement of a metric, by its name in metric_words().
const Measurement* newest(const RunRecord& run, const std::string& word) {
  const Measurement* best = nullptr;
  for (const Measurement& m : run.measurements)
    if ((metric_word(m.label) ? metric_word(m.label) : metric_word(m.name)) == metric_word(word) &&
        (!best || m.kimg.value_or(1e300) >= best->kimg.value_or(1e300)))
      best = &m;
  return best;
}

std::string metric_tile(const RunRecord& run, const std::string& word) {
  const Measurement* m = newest(run, word);
  if (!m) return {};
  return tile(format_number(m->value), metric_word(word)->title,
              m->floor ? "real data " + format_number(*m->floor) : "");
}

std::string inversion_tile(const RunRecord& run) {
  const Inversion* best = nullptr;
  for (const Inversion& i : run.inversions) {
    const auto error = number_of(i.summary, "mse_median");
    if (error && (!best || *error < *number_of(best->summary, "mse_median"))) best = &i;
  }
  if (!best) return {};
  const auto psnr = number_of(best->summary, "psnr_median"), seconds = number_of(best->summary, "seconds_per_image");
  const std::string below =
      join({text_of(best->summary, "method"), seconds ? format_duration(*seconds) + " an image" : ""}, ", ");
  if (psnr && std::isfinite(*psnr)) return tile(format_number(*psnr) + " dB", "Reconstruction", below);
  return tile(format_number(*number_of(best->summary, "mse_median")), "Reconstruction error", below);
}

std::string tiles(const RunRecord& run) {
  std::string out;
  for (const char* word : {"fid", "modes", "high_quality", "coverage"}) out += metric_tile(run, word);
  out += inversion_tile(run);
  if (out.empty()) return {};  // speed alone stands among the facts
  if (const auto rate = median_of(run, "Timing/images_per_sec")) {
    const auto seconds = last_of(run, "Timing/total_sec");
    out += tile(format_number(*rate), "Images a second", seconds ? format_duration(*seconds) + " of training" : "");
  }
  return fmt::format("<ul class=\"tiles\">{}</ul>", out);
}

// How far an unfinished run has come, and what went wrong.
std::string state_text(const RunRecord& run) {
  std::string out;
  const auto kimg = last_of(run, "Progress/kimg");
  const double planned = std::atof(run.option("train.kimg").c_str());
  if (kimg && planned > 0 && *kimg < 0.995 * planned)
    out += fmt::format(
        "<p class=\"state\">Not finished: {} of {} kimg. <code>obverse train --resume {}</code> goes on.</p>",
        format_number(*kimg, 4), format_number(planned, 4), shell_path(run));
  const auto alarms = std::count_if(run.findings.begin(), run.findings.end(),
                                    [](const RunFinding& f) { return f.severity == "alarm"; });
  if (alarms > 0)
    out +=
        fmt::format("<p class=\"state alarm\">The monitors raised {}: <a href=\"#findings\">what they found</a>.</p>",
                    alarms == 1 ? std::string("an alarm") : fmt::format("{} alarms", alarms));
  return out;
}

}  // namespace

std::string draw_header(const RunRecord& run) {
  const std::string name = run.option("name"), about = run.option("about");
  return fmt::format("<p class=\"run\">{}</p><h1>{}</h1>{}{}{}{}", escape(run.name),
                     escape(name.empty() ? run.name : name),
                     about.empty() ? "" : fmt::format("<p class=\"about\">{}</p>", escape(about)), state_text(run),
                     tiles(run), facts(run));
}

}  // namespace obverse
