#include <fmt/format.h>

#include <algorithm>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

using nlohmann::json;

const json& part(const json& object, const char* key) {
  static const json none;
  return object.is_object() && object.contains(key) ? object[key] : none;
}

std::string share_text(const json& share) {
  const auto value = number_of(share, "value"), low = number_of(share, "low"), high = number_of(share, "high");
  if (!value) return "–";
  return fmt::format("{:.1f} %{}", 100 * *value,
                     low && high ? fmt::format(" <small>{:.1f} to {:.1f}</small>", 100 * *low, 100 * *high) : "");
}

std::string draw_table(const json& probes) {
  std::string rows;
  for (const json& r : probes)
    rows += fmt::format(
        "<tr><th>{}</th><td data-label=\"Numbers\">{}</td><td data-label=\"1-NN\">{}</td><td "
        "data-label=\"k-NN\">{}</td>"
        "<td data-label=\"Linear probe\">{}</td></tr>",
        escape(text_of(r, "name")), format_number(number_of(r, "width").value_or(0), 7), share_text(part(r, "nearest")),
        share_text(part(r, "neighbours")), share_text(part(r, "linear")));
  return fmt::format(
      "<table class=\"methods\"><thead><tr><th>Looked at</th><th>Numbers</th><th>1-NN</th><th>k-NN</th>"
      "<th>Linear probe</th></tr></thead><tbody>{}</tbody></table>",
      rows);
}

// Accuracy of a linear probe against the labels it knows, a line for each way of looking; six at most.
std::string draw_few(const json& probes) {
  Chart chart{"Few labels",
              "share of test labels right",
              "log10 labels",
              "A linear probe; the band is one standard deviation over draws of the labels.",
              {},
              {},
              {},
              false};
  for (const json& r : probes) {
    const json& few = part(r, "few");
    if (!few.is_array() || few.size() < 2 || chart.series.size() == 6) continue;
    Series s{text_of(r, "name"), fmt::format("c{}", chart.series.size()), {}, {}, {}, {}};
    for (const json& f : few) {
      const double mean = number_of(f, "mean").value_or(0), deviation = number_of(f, "std").value_or(0);
      s.x.push_back(std::log10(std::max(1.0, number_of(f, "labels").value_or(1))));
      s.y.push_back(mean);
      s.low.push_back(mean - deviation);
      s.high.push_back(mean + deviation);
    }
    chart.series.push_back(s);
  }
  return chart.series.empty() ? std::string() : draw_chart(chart);
}

std::string draw_disentanglement(const json& scores) {
  if (!scores.is_array() || scores.empty()) return {};
  std::string rows;
  for (const json& d : scores) {
    rows += fmt::format("<tr><th>{}</th>", escape(text_of(d, "name")));
    for (const char* key :
         {"mig", "sap", "factor_vae", "dci_disentanglement", "dci_completeness", "dci_informativeness"})
      rows += fmt::format("<td data-label=\"{}\">{}</td>", key, format_number(number_of(d, key).value_or(0)));
    rows += "</tr>";
  }
  return fmt::format(
      "<h3>One number, one factor?</h3><table class=\"methods\"><thead><tr><th>Looked at</th><th>MIG</th><th>SAP</th>"
      "<th>FactorVAE</th><th>DCI d</th><th>c</th><th>i</th></tr></thead><tbody>{}</tbody></table>",
      rows);
}

}  // namespace

std::string draw_probes(const RunRecord& run) {
  std::string out;
  for (const Application& a : run.applications) {
    const json& probes = part(a.summary, "probes");
    if (a.kind != "probe" || !probes.is_array()) continue;
    out += fmt::format("<h3>{}</h3>{}{}{}", escape(text_of(a.summary, "data")), draw_table(probes), draw_few(probes),
                       draw_disentanglement(part(a.summary, "disentanglement")));
    std::string maps;
    for (const auto& [name, picture] : a.pictures) {
      const std::string caption =
          name == "map-pca.png" ? "Codes by their first two principal components" : "Codes by t-SNE";
      maps += show_picture(picture, {caption, caption, 480});
    }
    out += fmt::format("<div class=\"triple\">{}</div>", maps);
  }
  if (out.empty()) return out;
  return "<p class=\"lead\">What labels can be read off the codes that the model infers, beside pixels and the same "
         "encoder before it learned anything.</p>" +
         out;
}

}  // namespace obverse
