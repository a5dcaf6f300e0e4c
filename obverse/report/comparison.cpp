#include "obverse/report/comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "obverse/core/error.h"
#include "obverse/core/student.h"
#include "obverse/report/format.h"
#include "obverse/report/metric_words.h"
#include "obverse/report/page.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

bool is_run(const fs::path& path) { return fs::exists(path / "recipe.toml") || fs::exists(path / "stats.jsonl"); }

// What figures must share beside their name, with words for it.
std::vector<std::pair<std::string, std::string>> provenance(const Measurement& m) {
  const auto number = [](const std::optional<double>& n) { return n ? format_number(*n, 9) : std::string("?"); };
  return {{"features", m.features + (m.features_hash.empty() ? "" : "-" + m.features_hash.substr(0, 8))},
          {"data", m.data},
          {"resize", m.resize},
          {"real samples", number(m.n_real)},
          {"generated samples", number(m.n_fake)},
          {"protocol", m.protocol}};
}

std::string provenance_key(const Measurement& m) {
  std::string key = m.name;
  for (const auto& [name, value] : provenance(m)) key += "\n" + value;
  return key;
}

// Everything of a recipe but its name and seed: runs that share it differ in their seed alone.
std::string recipe_key(const RunRecord& run) {
  std::string key;
  for (const auto& [name, value] : run.options)
    if (name != "train.seed" && name != "name" && name != "about") key += name + "=" + value + "\n";
  return key.empty() ? run.path : key;
}

bool higher_is_better(const Measurement& m) {
  if (m.higher_is_better) return *m.higher_is_better;
  const MetricWord* word = metric_word(m.label.empty() ? m.name : m.label);
  return word && word->better == Better::higher;
}

// What counts of one run: measurements of one snapshot, each of samples with a seed of its own.
struct Found {
  const RunRecord* run;
  std::vector<const Measurement*> sets;

  void add(const Measurement& m) {
    const auto snapshot = [](const Measurement& of) { return of.kimg.value_or(1e300); };
    if (!sets.empty() && snapshot(m) < snapshot(*sets[0])) return;
    if (!sets.empty() && snapshot(m) > snapshot(*sets[0])) sets.clear();
    sets.erase(std::remove_if(sets.begin(), sets.end(), [&](const auto* other) { return other->seed == m.seed; }),
               sets.end());
    sets.push_back(&m);
  }
  bool independent() const { return sets.size() >= 3; }  // with fewer, an interval over them tells less than their own
  std::vector<double> values() const {
    if (!independent()) return {sets.back()->value};
    std::vector<double> result;
    for (const Measurement* m : sets) result.push_back(m->value);
    return result;
  }
};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

// Mean and Student's interval.
void summarise(const std::vector<double>& values, Compared& row) {
  const auto n = static_cast<double>(values.size());
  double squares = 0;
  row.value = mean(values);
  for (const double v : values) squares += std::pow(v - row.value, 2);
  row.degrees = n - 1;
  row.error = std::sqrt(squares / (n - 1) / n);
  const double half = student_quantile(0.05, row.degrees) * row.error;
  row.low = row.value - half, row.high = row.value + half;
}

Compared compared(const std::vector<Found>& group) {
  Compared row;
  const Found& last = group.back();
  const Measurement& m = *last.sets.back();
  row.kimg = m.kimg.value_or(-1);
  row.seeds = static_cast<int64_t>(group.size());
  if (group.size() > 1) {
    row.name = fmt::format("{} ({} seeds)", last.run->option("name"), group.size());
    std::vector<double> means;
    for (const Found& f : group) means.push_back(mean(f.values()));
    summarise(means, row);
  } else if (last.independent()) {
    row.sets = static_cast<int64_t>(last.sets.size());
    row.name = fmt::format("{} ({} sets)", last.run->name, row.sets);
    summarise(last.values(), row);
  } else {
    row.name = last.run->name;
    row.value = m.value;
    row.low = m.low.value_or(kNone), row.high = m.high.value_or(kNone);
    row.error = (row.high - row.low) / (2 * 1.959964);
    row.degrees = kInfinite;
  }
  return row;
}

// Welch's test (1947) of the difference of two means with known errors.
double welch_p_value(const Compared& a, const Compared& b) {
  const double va = a.error * a.error, vb = b.error * b.error;
  if (std::isnan(va + vb)) return kNone;
  if (va + vb == 0) return a.value == b.value ? 1 : 0;
  const double share = va * va / a.degrees + vb * vb / b.degrees;
  return student_p_value((a.value - b.value) / std::sqrt(va + vb),
                         share > 0 ? (va + vb) * (va + vb) / share : kInfinite);
}

void judge(std::vector<Compared>& rows, bool higher) {
  const auto best = std::min_element(rows.begin(), rows.end(), [&](const Compared& a, const Compared& b) {
    return higher ? a.value > b.value : a.value < b.value;
  });
  best->best = true;
  std::vector<Compared*> others;
  for (Compared& row : rows)
    if (!row.best) row.p_value = welch_p_value(row, *best), others.push_back(&row);
  others.erase(std::remove_if(others.begin(), others.end(), [](const Compared* r) { return std::isnan(r->p_value); }),
               others.end());
  std::sort(others.begin(), others.end(), [](const auto* a, const auto* b) { return a->p_value < b->p_value; });
  double least = 0;  // Holm 1979: the i-th smallest times the number of those left, never falling
  for (size_t i = 0; i < others.size(); ++i)
    least = others[i]->p_value =
        std::min(1.0, std::max(least, others[i]->p_value * static_cast<double>(others.size() - i)));
}

// What the columns of one name differ in.
void tell_apart(std::vector<ComparedMetric>& metrics) {
  for (ComparedMetric& metric : metrics) {
    std::vector<std::string> differing;
    const auto own = provenance(metric.meta);
    for (size_t i = 0; i < own.size(); ++i) {
      const bool differs = std::any_of(metrics.begin(), metrics.end(), [&](const ComparedMetric& other) {
        return other.meta.name == metric.meta.name && provenance(other.meta)[i].second != own[i].second;
      });
      if (differs) differing.push_back(own[i].first + ": " + own[i].second);
    }
    metric.unlike = fmt::format("{}", fmt::join(differing, "; "));
  }
}

// Values as dots with their intervals, one below the other on one scale.
std::string draw_rows(const ComparedMetric& metric) {
  double low = kInfinite, high = -kInfinite;
  const auto widen = [&](double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  };
  for (const Compared& row : metric.rows) widen(row.value), widen(row.low), widen(row.high);
  if (metric.meta.floor) widen(*metric.meta.floor);
  if (!(high > low)) high = low + 1;
  constexpr double kWidth = 420, kRow = 26;
  const auto x = [&](double v) { return 10 + (v - low) / (high - low) * (kWidth - 20); };
  std::string marks;
  double y = kRow / 2;
  for (const Compared& row : metric.rows) {
    marks += fmt::format("<line class=\"track\" x1=\"0\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", kWidth, y, y);
    if (std::isfinite(row.low + row.high))
      marks += fmt::format("<line class=\"interval\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>", x(row.low),
                           x(row.high), y, y);
    marks += fmt::format("<circle class=\"value\" cx=\"{:.1f}\" cy=\"{}\" r=\"4.5\"><title>{}: {}</title></circle>",
                         x(row.value), y, escape(row.name), format_number(row.value, 4));
    y += kRow;
  }
  if (metric.meta.floor && std::isfinite(*metric.meta.floor))
    marks += fmt::format("<line class=\"floor\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"2\" y2=\"{1}\"/>",
                         x(*metric.meta.floor), y - kRow / 2);
  return fmt::format("<svg class=\"gauge\" viewBox=\"0 0 {} {}\" style=\"max-width:{}px\" role=\"img\">{}</svg>",
                     kWidth, y - kRow / 2 + 2, kWidth, marks);
}

std::string verdict(const Compared& row) {
  if (row.best) return "best";
  if (std::isnan(row.p_value)) return "no interval";
  return row.tied() ? fmt::format("not told from the best, p {:.2g}", row.p_value)
                    : fmt::format("p {:.2g}", row.p_value);
}

std::string draw_metric(const ComparedMetric& metric) {
  std::string rows;
  for (const Compared& row : metric.rows) {
    const std::string interval =
        std::isfinite(row.low) ? format_number(row.low) + " to " + format_number(row.high) : std::string();
    rows += fmt::format("<tr><th>{}</th><td class=\"number\"><b>{}</b> <small>{}</small></td><td>{}</td></tr>",
                        escape(row.name), format_number(row.value, 4), interval, verdict(row));
  }
  const MetricWord* word = metric_word(metric.meta.label.empty() ? metric.meta.name : metric.meta.label);
  std::string facts;
  for (const auto& [name, value] : provenance(metric.meta))
    if (!value.empty()) facts += (facts.empty() ? "" : "; ") + name + " " + escape(value);
  return fmt::format(
      "<section><h2>{}</h2><p class=\"lead\"><code>{}</code> {}{}</p>{}<table "
      "class=\"metrics\"><tbody>{}</tbody></table>"
      "<p class=\"note\">{}</p></section>",
      word ? word->title : escape(metric.meta.label), escape(metric.meta.name),
      higher_is_better(metric.meta) ? "higher is better" : "lower is better",
      metric.unlike.empty() ? "" : "; a column of its own: " + escape(metric.unlike), draw_rows(metric), rows, facts);
}

}  // namespace

std::vector<std::string> find_runs(const std::vector<std::string>& paths) {
  std::vector<std::string> runs;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) fail("{}: no such folder: name run folders, or a folder that holds some", path);
    if (is_run(path)) {
      runs.push_back(path);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.is_directory() && is_run(entry.path())) inside.push_back(entry.path().string());
    if (inside.empty()) fail("{}: neither a run folder nor a folder that holds some", path);
    std::sort(inside.begin(), inside.end());
    runs.insert(runs.end(), inside.begin(), inside.end());
  }
  return runs;
}

// Run folders of one name are told apart by their paths.
static void name_apart(std::vector<RunRecord>& runs) {
  std::map<std::string, int> count;
  for (const RunRecord& run : runs) ++count[run.name];
  for (RunRecord& run : runs)
    if (count[run.name] > 1) run.name = run.path;
}

std::vector<ComparedMetric> compare_runs(std::vector<RunRecord> runs) {
  name_apart(runs);
  std::vector<ComparedMetric> metrics;
  std::vector<std::vector<std::vector<Found>>> groups;  // of a metric: of a recipe
  for (const RunRecord& run : runs) {
    std::map<std::string, Found> found;
    for (const Measurement& m : run.measurements) {
      Found& own = found[provenance_key(m)];
      own.run = &run;
      own.add(m);
    }
    for (const auto& [key, own] : found) {
      const auto like = std::find_if(metrics.begin(), metrics.end(), [k = key](const ComparedMetric& other) {
        return provenance_key(other.meta) == k;
      });
      const auto index = static_cast<size_t>(like - metrics.begin());
      if (like == metrics.end()) metrics.push_back({*own.sets.back(), "", {}}), groups.emplace_back();
      const auto same = std::find_if(groups[index].begin(), groups[index].end(), [&](const std::vector<Found>& group) {
        return recipe_key(*group[0].run) == recipe_key(run) &&
               std::none_of(group.begin(), group.end(),
                            [&](const Found& f) { return f.run->option("train.seed") == run.option("train.seed"); });
      });
      same == groups[index].end() ? groups[index].push_back({own}) : same->push_back(own);
    }
  }
  for (size_t i = 0; i < metrics.size(); ++i) {
    for (const auto& group : groups[i]) metrics[i].rows.push_back(compared(group));
    judge(metrics[i].rows, higher_is_better(metrics[i].meta));
  }
  tell_apart(metrics);
  return metrics;
}

std::string render_comparison(const std::vector<ComparedMetric>& metrics) {
  std::string sections;
  for (const ComparedMetric& metric : metrics) sections += draw_metric(metric);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"/><title>Comparison · Obverse</title>\n<style>{}</style></head>\n"
      "<body><header><div class=\"brand\">{}<span>Obverse</span></div><h1>Comparison</h1><p class=\"lead\">Dots are "
      "values, bars 95 % intervals, the upright mark the floor that real data reach. Each row is tested against the "
      "best "
      "one: Welch's test, Holm's correction within the metric.</p></header><main>{}</main></body></html>\n",
      page_style(), page_mark(), sections);
}

}  // namespace obverse
