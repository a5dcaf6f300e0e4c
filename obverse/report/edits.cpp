#include <fmt/format.h>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

std::string draw_table(const Application& a) {
  std::string rows;
  for (const auto& line : a.summary.value("directions", nlohmann::json::array())) {
    const auto share = [&](const char* key) {
      const auto value = number_of(line, key);
      return value ? fmt::format("{:.3f}", *value) : "–";
    };
    rows += fmt::format(
        "<tr><th>{}</th><td data-label=\"Class\">{}</td><td data-label=\"Gain\">{}</td><td data-label=\"Kept\">{}</td>"
        "<td data-label=\"Others\">{}</td></tr>",
        escape(text_of(line, "direction")), escape(text_of(line, "target")), share("gain"), share("kept"),
        share("others"));
  }
  return fmt::format(
      "<table class=\"methods\"><thead><tr><th>Direction</th><th>Class that gains</th><th>Gain</th><th>Kept</th>"
      "<th>Others</th></tr></thead><tbody>{}</tbody></table>",
      rows);
}

}  // namespace

std::string draw_edits(const RunRecord& run) {
  std::string body;
  for (const Application& a : run.applications) {
    if (a.kind != "edit") continue;
    body += fmt::format("<h3>{}</h3>{}", escape(text_of(a.summary, "kind")), draw_table(a));
    for (const auto& [name, picture] : a.pictures) {
      const std::string caption = "A row a direction: one sample, moved from the least strength to the greatest";
      body += show_picture(picture, {caption, caption, 900});
    }
  }
  if (body.empty()) return {};
  return "<p class=\"lead\">Codes of the prior moved along a direction. Gain: of the class's mean probability, by the "
         "classifier. Kept: structural similarity with the sample before. Others: by how much the other classes' "
         "probabilities change.</p>" +
         body;
}

}  // namespace obverse
