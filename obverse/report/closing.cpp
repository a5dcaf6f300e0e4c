#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {

std::string shell_path(const RunRecord& run, const std::string& file) {
  const std::string path = file.empty() ? run.path : (std::filesystem::path(run.path) / file).string();
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) || std::string_view("/._-+,:@%").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!path.empty() && path.front() != '-' && std::all_of(path.begin(), path.end(), is_plain)) return path;
  std::string quoted = !path.empty() && path.front() == '-' ? "./'" : "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return escape(quoted + "'");
}

std::string missing(const std::string& what, const std::string& command) {
  return fmt::format("<p class=\"missing\">{}{}</p>", what,
                     command.empty() ? "." : fmt::format(": <code>{}</code>", command));
}

std::string draw_findings(const RunRecord& run) {
  if (run.findings.empty()) {
    const bool off = run.option("train.monitors") == "false";
    return fmt::format(
        "<p class=\"quiet\">{}</p>",
        off ? "The monitors were switched off (<code>train.monitors = false</code>)."
            : "The monitors found nothing to say: logits, gradients and diversity stayed within bounds.");
  }
  std::string items;
  for (const RunFinding& f : run.findings)
    items += fmt::format(
        "<li class=\"{0}\"><p class=\"where\"><span class=\"badge\">{0}</span> at {1} "
        "kimg</p><h3>{2}</h3><p>{3}</p>{4}</li>",
        f.severity, format_number(f.kimg, 5), escape(f.cause), escape(f.what),
        f.action.empty() ? "" : fmt::format("<p class=\"action\">{}</p>", escape(f.action)));
  return fmt::format("<ol class=\"findings\">{}</ol>", items);
}

static std::string draw_log(const RunRecord& run) {
  if (run.log.empty()) return {};
  constexpr size_t kLines = 200;
  const size_t first = run.log.size() - std::min(run.log.size(), kLines);
  const std::vector<std::string> tail(run.log.begin() + static_cast<int64_t>(first), run.log.end());
  return fmt::format("<details class=\"more\"><summary>Log{}</summary><pre>{}</pre></details>",
                     first ? fmt::format(", its last {} lines", kLines) : "",
                     escape(fmt::format("{}", fmt::join(tail, "\n"))));
}

std::string draw_reproduction(const RunRecord& run) {
  std::string out;
  if (!run.recipe.empty())
    out += fmt::format(
        "<p class=\"lead\">The recipe in the run folder is the effective one, seed included. The same build with the "
        "same number of threads ends in the same bits.</p><pre class=\"commands\"><code>"
        "<i># train it again</i>\nobverse train {0}\n"
        "<i># draw samples</i>\nobverse sample {1} --seeds 0-63 --grid samples.png\n"
        "<i># measure it</i>\nobverse eval {1}\n"
        "<i># run it backwards</i>\nobverse invert {1} --out {2}</code></pre>"
        "<details class=\"more\"><summary>Recipe</summary><pre>{3}</pre></details>",
        shell_path(run, "recipe.toml"), shell_path(run), shell_path(run, "inversion-optimise"), escape(run.recipe));
  else
    out += missing("The run folder holds no recipe.toml, so the run cannot be repeated from it", "");
  out += draw_log(run);
  if (!run.notes.empty()) {
    std::string notes;
    for (const std::string& note : run.notes) notes += fmt::format("<li>{}</li>", escape(note));
    out += fmt::format("<h3>Left out of this report</h3><ul class=\"notes\">{}</ul>", notes);
  }
  return out;
}

const std::vector<Section>& section_table() {
  static const std::vector<Section> sections = {{"samples", "Samples", draw_samples},
                                                {"progress", "How they took shape", draw_progress},
                                                {"metrics", "Metrics", draw_metrics},
                                                {"inversion", "Run backwards", draw_inversions},
                                                {"interpolations", "Between latents", draw_interpolations},
                                                {"anomalies", "What is normal", draw_anomalies},
                                                {"probe", "What codes tell", draw_probes},
                                                {"edits", "Directions in codes", draw_edits},
                                                {"compression", "In few bytes", draw_compressions},
                                                {"curves", "Training curves", draw_curves},
                                                {"findings", "Monitors", draw_findings},
                                                {"reproduce", "Do it again", draw_reproduction},
                                                {"glossary", "What the figures mean", draw_glossary}};
  return sections;
}

}  // namespace obverse
