#include <fmt/format.h>

#include <algorithm>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

// A figure of summary["detection"] with its interval; "–" where it was not measured.
std::string share_text(const nlohmann::json& detection, const std::string& key) {
  if (!detection.is_object() || !detection.contains(key)) return "–";
  const nlohmann::json& share = detection[key];
  const auto value = number_of(share, "value"), low = number_of(share, "low"), high = number_of(share, "high");
  if (!value) return "–";
  return fmt::format("{:.3f}{}", *value,
                     low && high ? fmt::format(" <small>{:.3f} to {:.3f}</small>", *low, *high) : "");
}

std::string draw_row(const Application& a) {
  const nlohmann::json none, &d = a.summary.contains("detection") ? a.summary["detection"] : none;
  const auto count = [&](const char* key) { return format_number(number_of(a.summary, key).value_or(0), 7); };
  std::string row = fmt::format("<tr><th>{}</th><td data-label=\"Data\">{} <small>{} samples, {} alarms</small></td>",
                                escape(text_of(a.summary, "method")), escape(text_of(a.summary, "data")),
                                count("samples"), count("alarms"));
  for (const auto& [key, title] : {std::pair{"auroc", "AUROC"},
                                   {"auprc", "AUPRC"},
                                   {"precision", "Precision"},
                                   {"recall", "Recall"},
                                   {"false_alarms", "False alarms"}})
    row += fmt::format("<td data-label=\"{}\">{}</td>", title, share_text(d, key));
  const auto seconds = number_of(a.summary, "seconds_per_sample");
  return row + fmt::format("<td data-label=\"Time a sample\">{}</td></tr>", seconds ? format_duration(*seconds) : "–");
}

std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> result;
  if (list.is_array())
    for (const nlohmann::json& value : list) result.push_back(value.is_number() ? value.get<double>() : 0);
  return result;
}

std::string draw_histogram(const Application& a) {
  if (!a.summary.contains("histogram")) return {};
  const nlohmann::json& h = a.summary["histogram"];
  const auto low = number_of(h, "low"), high = number_of(h, "high");
  if (!low || !high || !(*high > *low)) return {};
  Chart chart{"Scores by " + text_of(a.summary, "method"),
              "share of samples",
              "score",
              "The line is the threshold: what lies right of it is an alarm. The last bin holds all that lies beyond.",
              {},
              {},
              {},
              false};
  for (const auto& [key, name, colour] : {std::tuple{"held_out", "normal, held out", "c2"},
                                          {"scored", "scored", "c1"},
                                          {"normal", "normal", "c1"},
                                          {"anomalous", "anomalous", "c0"}}) {
    const std::vector<double> share = numbers(h.contains(key) ? h[key] : nlohmann::json());
    if (share.empty()) continue;
    Series series{name, colour, {}, share, {}, {}};
    for (size_t i = 0; i < share.size(); ++i)
      series.x.push_back(*low + (*high - *low) * (static_cast<double>(i) + 0.5) / static_cast<double>(share.size()));
    chart.series.push_back(series);
  }
  if (const auto threshold = number_of(a.summary, "threshold_"); threshold && *threshold >= *low && *threshold <= *high)
    chart.markers.push_back({*threshold, "alarm", "threshold " + format_number(*threshold)});
  return draw_chart(chart);
}

}  // namespace

std::string draw_anomalies(const RunRecord& run) {
  std::string rows, pictures;
  for (const Application& a : run.applications) {
    if (a.kind != "anomaly") continue;
    rows += draw_row(a);
    pictures += fmt::format("<h3>{}</h3>{}", escape(text_of(a.summary, "method")), draw_histogram(a));
    for (const auto& [name, picture] : a.pictures) {
      const bool strangest = name == "strangest.png";
      const std::string caption =
          strangest ? "The highest scores; below them, where the score has a place, red where they look strange"
                    : "The lowest scores";
      pictures += show_picture(picture, {caption, caption, 1132});
    }
  }
  if (rows.empty()) return {};
  return fmt::format(
      "<p class=\"lead\">The model knows normal samples alone. What it cannot bring back, or finds improbable, gets a "
      "high score; the threshold was set by normal samples that were held out.</p>"
      "<table class=\"methods\"><thead><tr><th>Method</th><th>Data</th><th>AUROC</th><th>AUPRC</th><th>Precision</th>"
      "<th>Recall</th><th>False alarms</th><th>Time a sample</th></tr></thead><tbody>{}</tbody></table>{}",
      rows, pictures);
}

}  // namespace obverse
