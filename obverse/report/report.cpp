#include "obverse/report/report.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "obverse/io/files.h"
#include "obverse/report/format.h"
#include "obverse/report/page.h"
#include "obverse/report/sections.h"

namespace obverse {

std::string render_report(const RunRecord& run) {
  std::string navigation, sections;
  for (const Section& section : section_table()) {
    const std::string body = section.body(run);
    if (body.empty()) continue;
    navigation += fmt::format("<a href=\"#{}\">{}</a>", section.id, section.title);
    sections += fmt::format("<section id=\"{0}\"><h2>{1}</h2>\n{2}</section>\n", section.id, section.title, body);
  }
  const std::string name = run.option("name");
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
      "<meta name=\"color-scheme\" content=\"light dark\"/><title>{} · "
      "Obverse</title>\n<style>{}</style></head>\n<body>"
      "<header><div class=\"brand\">{}<span>Obverse</span></div>{}</header>\n<nav>{}</nav>\n<main>{}</main>\n"
      "<footer>Written by <code>obverse report {}</code> on "
      "{}.</footer>\n<script>//<![CDATA[\n{}\n//]]></script></body></html>\n",
      escape(name.empty() ? run.name : name), page_style(), page_mark(), draw_header(run), navigation, sections,
      shell_path(run), format_time(now), page_script());
}

WrittenReport write_report(const std::string& run, const std::string& out) {
  const RunRecord record = read_run(run);
  const std::string path = out.empty() ? (std::filesystem::path(run) / "report.html").string() : out;
  const std::string page = render_report(record);
  write_file(path, page);
  return {path, page.size(), record.notes};
}

}  // namespace obverse
