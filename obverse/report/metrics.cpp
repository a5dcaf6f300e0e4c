#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "obverse/core/student.h"
#include "obverse/report/format.h"
#include "obverse/report/metric_words.h"
#include "obverse/report/plot.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

using History = std::vector<const Measurement*>;  // of one result of one metric, in order of kimg

const MetricWord* word_of(const Measurement& m) {
  const MetricWord* word = metric_word(m.label);
  return word ? word : metric_word(m.name);
}

// Results in the order of metric_words(), unknown ones last.
size_t rank_of(const Measurement& m) {
  const MetricWord* word = word_of(m);
  return word ? static_cast<size_t>(word - metric_words().data()) : metric_words().size();
}

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
  std::stable_sort(result.begin(), result.end(),
                   [](const History& a, const History& b) { return rank_of(*a.back()) < rank_of(*b.back()); });
  return result;
}

// What the last snapshot was measured to be: of three or more sets of samples their mean, with Student's interval.
Measurement latest(const History& history) {
  Measurement shown = *history.back();
  std::map<double, double> sets;  // by seed
  for (const Measurement* m : history)
    if (m->kimg == shown.kimg && m->seed) sets[*m->seed] = m->value;
  const auto n = static_cast<double>(sets.size());
  if (n < 3) return shown;
  double mean = 0, squares = 0;
  for (const auto& [seed, value] : sets) mean += value / n;
  for (const auto& [seed, value] : sets) squares += (value - mean) * (value - mean);
  const double half = student_quantile(0.05, n - 1) * std::sqrt(squares / (n - 1) / n);
  shown.value = mean, shown.low = mean - half, shown.high = mean + half;
  shown.interval = fmt::format("Student's, over {} sets of samples", sets.size());
  return shown;
}

std::string title_of(const Measurement& m) {
  const MetricWord* word = word_of(m);
  return word ? word->title : m.label.empty() ? m.name : m.label;
}

const char* direction(const Measurement& m) {
  if (m.higher_is_better) return *m.higher_is_better ? "higher is better" : "lower is better";
  const MetricWord* word = word_of(m);
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

std::string count_text(double count) { return format_number(count, 9); }

std::string features_text(const Measurement& m) {
  std::string text = "features: " + m.features;
  if (!m.features_hash.empty()) text += " " + m.features_hash.substr(0, 8);
  if (m.features_accuracy) text += fmt::format(" ({} % right on test data)", format_number(100 * *m.features_accuracy));
  return text;
}

std::string protocol_of(const Measurement& m) {
  std::vector<std::string> parts;
  if (m.n_fake) {
    parts.push_back(count_text(*m.n_fake) + " generated");
    if (m.n_real && *m.n_real > 0) parts.back() += fmt::format(", {} real", count_text(*m.n_real));
    if (m.n_floor) parts.back() += fmt::format(", {} for the floor", count_text(*m.n_floor));
  }
  if (!m.protocol.empty()) parts.push_back(m.protocol);
  if (!m.features.empty()) parts.push_back(features_text(m));
  if (!m.resize.empty()) parts.push_back("resize: " + m.resize);
  return escape(fmt::format("{}", fmt::join(parts, " · ")));
}

// Shares of classes, or each mode's spread, as bars; a tick where all should be.
std::string draw_details(const Measurement& m) {
  double largest = 0, sum = 0;
  for (const auto& [name, value] : m.details) largest = std::max(largest, value), sum += value;
  if (m.details.empty() || !(largest > 0) || !std::isfinite(sum)) return {};
  const bool is_spread = word_of(m) && word_of(m)->name == "narrowest_std", is_share = std::abs(sum - 1) < 0.01;
  const double even = is_spread ? 1 : is_share ? 1 / static_cast<double>(m.details.size()) : 0;
  const double scale = 100 / std::max(largest, even);
  std::string bars;
  for (const auto& [name, value] : m.details)
    bars += fmt::format("<li><span>{}</span><i style=\"--share:{:.1f}%;--even:{:.1f}%\"></i><b>{}</b></li>",
                        escape(name), std::max(0.0, value) * scale, even * scale, format_number(value, 2));
  const char* title = is_spread  ? "Spread of each mode, as a share of the true one"
                      : is_share ? "Shares of classes; the tick is where equal shares would be"
                                 : "In detail";
  return fmt::format("<tr class=\"same\"><td colspan=\"4\"><small>{}</small><ul class=\"bars\">{}</ul></td></tr>",
                     title, bars);
}

std::string protocol_row(const std::string& protocol) {
  return protocol.empty() ? "" : fmt::format("<tr class=\"protocol\"><td colspan=\"4\">{}</td></tr>", protocol);
}

std::string interval_text(const Measurement& m) {
  if (!m.low || !m.high) return {};
  const std::string how = m.interval.empty() ? "" : fmt::format(" title=\"{}\"", escape(m.interval));
  return fmt::format("<small{}>{} to {}</small>", how, format_number(*m.low), format_number(*m.high));
}

std::string table_row(const Measurement& m, bool first_of_group) {
  return fmt::format(
      "<tr{}><th>{}<small>{} <code>{}</code></small></th><td class=\"number\" data-label=\"This model\"><b>{}</b> "
      "{}</td><td class=\"number\" data-label=\"Real data\">{}</td><td class=\"scale\">{}</td></tr>",
      first_of_group ? "" : " class=\"same\"", escape(title_of(m)), direction(m), escape(m.name),
      format_number(m.value, 4), interval_text(m), m.floor ? format_number(*m.floor) : "–", draw_gauge(m));
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
  if (floor && std::isfinite(*floor)) chart.references.push_back({*floor, "real data", "real"});
  return draw_chart(chart);
}

}  // namespace

std::string draw_metrics(const RunRecord& run) {
  if (run.measurements.empty())
    return missing("Nothing was measured yet", fmt::format("obverse eval {}", shell_path(run)));
  std::string rows, charts, protocol;
  bool first = true;  // of those measured in the same way
  for (const History& history : histories(run)) {
    const Measurement shown = latest(history);
    const std::string next = protocol_of(shown);
    if (!rows.empty() && next != protocol) rows += protocol_row(protocol), first = true;
    rows += table_row(shown, first) + draw_details(shown);
    charts += draw_history(history, run);
    protocol = next;
    first = false;
  }
  rows += protocol_row(protocol);
  return fmt::format(
      "<p class=\"lead\">Read each figure against its floor, the tick <span class=\"floor-key\"></span>: the same "
      "metric with unseen real data in place of the generated samples, which no generator can be expected to beat. The "
      "bar is the 95 % interval.</p>"
      "<table class=\"metrics\"><thead><tr><th>Metric</th><th class=\"number\">This model</th><th "
      "class=\"number\">Real data</th><th></th></tr></thead><tbody>{}</tbody></table>{}",
      rows, charts.empty() ? "" : fmt::format("<div class=\"charts\">{}</div>", charts));
}

std::string draw_glossary(const RunRecord& run) {
  std::set<const MetricWord*> used;
  for (const Measurement& m : run.measurements) used.insert(word_of(m));
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
           {"Interval", "Where the figure would fall in 95 of 100 repetitions with other generated samples."},
           {"Floor", "The figure that unseen real data reach in place of generated samples."}})
    entries += fmt::format("<dt>{}</dt><dd>{}</dd>", term, meaning);
  return fmt::format("<dl class=\"glossary\">{}</dl>", entries);
}

}  // namespace obverse
