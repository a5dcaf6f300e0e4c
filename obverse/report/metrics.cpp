#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "obverse/report/format.h"
#include "obverse/report/metric_words.h"
#include "obverse/report/plot.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

using History = std::vector<const Measurement*>;  // of one result of one metric, in order of kimg

std::vector<History> histories(const RunRecord& run) {
  std::vector<History> result;
  for (const Measurement& m : run.measurements) {
    const auto same = std::find_if(result.begin(), result.end(), [&](const History& h) {
      return h.front()->metric == m.metric && h.front()->name == m.name && h.front()->features_hash == m.features_hash;
    });
    if (same == result.end())
      result.push_back({&m});
    else
      same->push_back(&m);
  }
  for (History& h : result)
    std::stable_sort(h.begin(), h.end(),
                     [](const auto* a, const auto* b) { return a->kimg.value_or(1e300) < b->kimg.value_or(1e300); });
  return result;
}

std::string title_of(const Measurement& m) {
  const MetricWord* word = metric_word(m.name);
  return word ? word->title : m.name;
}

const char* direction(const Measurement& m) {
  const MetricWord* word = metric_word(m.name);
  if (!word || word->better == Better::neither) return "";
  return word->better == Better::lower ? "lower is better" : "higher is better";
}

// Value, interval and floor on one scale from zero, as a small picture.
std::string draw_gauge(const Measurement& m) {
  constexpr double kWidth = 160;
  double top = std::max({m.value, m.high.value_or(m.value), m.floor.value_or(m.value)});
  const double bottom = std::min({0.0, m.value, m.low.value_or(0), m.floor.value_or(0)});
  if (!(top > bottom) || !std::isfinite(top - bottom)) return {};
  top += 0.06 * (top - bottom);
  const auto x = [&](double value) { return (value - bottom) / (top - bottom) * kWidth; };
  std::string marks = fmt::format("<line class=\"track\" x1=\"0\" x2=\"{}\" y1=\"11\" y2=\"11\"/>", kWidth);
  if (m.low && m.high && std::isfinite(*m.low + *m.high))
    marks += fmt::format("<line class=\"interval\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"11\" y2=\"11\"/>", x(*m.low),
                         x(*m.high));
  if (m.floor && std::isfinite(*m.floor))
    marks += fmt::format("<line class=\"floor\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"2\" y2=\"20\"/>", x(*m.floor));
  marks += fmt::format("<circle class=\"value\" cx=\"{:.1f}\" cy=\"11\" r=\"4.5\"/>", x(m.value));
  return fmt::format("<svg class=\"gauge\" viewBox=\"-5 0 {} 22\" aria-hidden=\"true\">{}</svg>", kWidth + 10, marks);
}

std::string protocol_of(const Measurement& m) {
  std::vector<std::string> parts;
  if (m.n_fake && m.n_real)
    parts.push_back(fmt::format("{} generated, {} real", format_number(*m.n_fake, 9), format_number(*m.n_real, 9)));
  if (!m.features.empty())
    parts.push_back(
        fmt::format("features: {}{}", m.features, m.features_hash.empty() ? "" : " " + m.features_hash.substr(0, 8)));
  if (!m.protocol.empty()) parts.push_back(m.protocol);
  return escape(fmt::format("{}", fmt::join(parts, " · ")));
}

std::string protocol_row(const std::string& protocol) {
  return protocol.empty() ? "" : fmt::format("<tr class=\"protocol\"><td colspan=\"4\">{}</td></tr>", protocol);
}

std::string table_row(const Measurement& m, bool first_of_group) {
  const std::string interval =
      m.low && m.high ? fmt::format("<small>{} to {}</small>", format_number(*m.low), format_number(*m.high)) : "";
  return fmt::format(
      "<tr{}><th>{}<small><code>{}</code> {}</small></th><td class=\"number\" data-label=\"This model\"><b>{}</b> "
      "{}</td>"
      "<td class=\"number\" data-label=\"Real images\">{}</td><td class=\"scale\">{}</td></tr>",
      first_of_group ? "" : " class=\"same\"", escape(title_of(m)), escape(m.name), direction(m),
      format_number(m.value, 4), interval, m.floor ? format_number(*m.floor) : "–", draw_gauge(m));
}

std::string draw_history(const History& history, const RunRecord& run) {
  Chart chart{title_of(*history.front()), direction(*history.front()), "kimg", "", {}, finding_markers(run), {}, {}};
  Series line{"this model", "g", {}, {}, {}, {}};
  for (const Measurement* m : history) {
    if (!m->kimg) continue;
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    line.x.push_back(*m->kimg);
    line.y.push_back(m->value);
    line.low.push_back(m->low.value_or(kNone));
    line.high.push_back(m->high.value_or(kNone));
  }
  if (line.x.size() < 2) return {};
  if (std::none_of(line.low.begin(), line.low.end(), [](double v) { return std::isfinite(v); }))
    line.low.clear(), line.high.clear();
  const auto [low, high] = std::minmax_element(line.y.begin(), line.y.end());
  const auto& floor = history.back()->floor;
  chart.log_scale = *low > 0 && *high > 8 * *low && (!floor || *floor > 0);
  chart.series.push_back(line);
  if (floor && std::isfinite(*floor)) chart.references.push_back({*floor, "real images", "real"});
  return draw_chart(chart);
}

}  // namespace

std::string draw_metrics(const RunRecord& run) {
  if (run.measurements.empty())
    return missing("Nothing was measured yet", fmt::format("obverse eval {}", shell_path(run)));
  std::string rows, charts, protocol;
  bool first = true;  // of those measured in the same way
  for (const History& history : histories(run)) {
    const std::string next = protocol_of(*history.back());
    if (!rows.empty() && next != protocol) rows += protocol_row(protocol), first = true;
    rows += table_row(*history.back(), first);
    charts += draw_history(history, run);
    protocol = next;
    first = false;
  }
  rows += protocol_row(protocol);
  return fmt::format(
      "<p class=\"lead\">Read each figure against its floor, the tick <span class=\"floor-key\"></span>: the same "
      "metric "
      "between real images and real images, which no generator can be expected to beat. The bar is the interval.</p>"
      "<table class=\"metrics\"><thead><tr><th>Metric</th><th class=\"number\">This model</th><th "
      "class=\"number\">Real "
      "images</th><th></th></tr></thead><tbody>{}</tbody></table>{}",
      rows, charts.empty() ? "" : fmt::format("<div class=\"charts\">{}</div>", charts));
}

std::string draw_glossary(const RunRecord& run) {
  std::set<const MetricWord*> used;
  for (const Measurement& m : run.measurements) used.insert(metric_word(m.name));
  if (run.curve("Monitor/coverage")) used.insert(metric_word("coverage"));
  if (run.curve("Monitor/duplicates")) used.insert(metric_word("duplicates"));
  std::string entries;
  for (const MetricWord& word : metric_words())
    if (used.count(&word)) entries += fmt::format("<dt>{}</dt><dd>{}</dd>", word.title, word.meaning);
  for (const auto& [term, meaning] : std::vector<std::pair<const char*, const char*>>{
           {"Latent code z", "The random numbers that a sample is made of; inversion finds the code of a given image."},
           {"PSNR", "How close a reconstruction is, in decibels: 10 dB more is a tenth of the squared error."},
           {"kimg",
            "Thousands of real images that the discriminator has seen: progress that does not depend on batch size."},
           {"Interval", "Where the figure would probably fall if it were measured again on other samples."},
           {"Floor", "The figure that real images reach against real images, with the same number of samples."}})
    entries += fmt::format("<dt>{}</dt><dd>{}</dd>", term, meaning);
  return fmt::format("<dl class=\"glossary\">{}</dl>", entries);
}

}  // namespace obverse
