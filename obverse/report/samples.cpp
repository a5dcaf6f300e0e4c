#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

constexpr int64_t kPictureWidth = 720;

std::string kimg_label(int64_t kimg) { return fmt::format("{} kimg", format_number(static_cast<double>(kimg), 7)); }

// About `count` of the snapshots, first and last among them; early ones closer together, where most happens.
std::vector<size_t> choose_snapshots(size_t snapshots, size_t count) {
  std::vector<size_t> chosen;
  if (snapshots == 0) return chosen;
  for (size_t i = 0; i < count; ++i) {
    const double t = count < 2 ? 1 : static_cast<double>(i) / static_cast<double>(count - 1);
    const auto index = static_cast<size_t>(std::pow(t, 1.5) * static_cast<double>(snapshots - 1) + 0.5);
    if (chosen.empty() || index > chosen.back()) chosen.push_back(index);
  }
  return chosen;
}

// One row of samples a snapshot, the same latents in each: how they take shape.
std::string draw_strips(const RunRecord& run) {
  if (!run.model || run.model->shape.size() != 3 || run.fakes.size() < 2) return {};
  const Cell cell{run.model->shape[1], run.model->shape[2]};
  std::string rows;
  for (const size_t i : choose_snapshots(run.fakes.size(), 7)) {
    const auto& [kimg, grid] = run.fakes[i];
    if (!cell.divides(grid) || cell.columns(grid) < 2) return {};
    const int64_t shown = std::min<int64_t>(12, cell.columns(grid));
    rows += fmt::format("<li><span>{}</span>{}</li>", kimg_label(kimg),
                        show_strip(grid, cell, 0, shown, fmt::format("{} samples after {}", shown, kimg_label(kimg))));
  }
  return fmt::format("<ol class=\"strips\">{}</ol>", rows);
}

// Whole pictures side by side, where they are no grids of cells.
std::string draw_multiples(const RunRecord& run) {
  std::string figures;
  for (const size_t i : choose_snapshots(run.fakes.size(), 6)) {
    const auto& [kimg, picture] = run.fakes[i];
    figures += show_picture(picture, {fmt::format("samples after {}", kimg_label(kimg)), kimg_label(kimg), 0, 500});
  }
  return fmt::format("<div class=\"multiples\">{}</div>", figures);
}

// Grids of a conditional model have a column a class.
std::string columns_text(const RunRecord& run) {
  constexpr size_t kMost = 20;
  if (run.option("game.conditional") != "true" || !run.model || run.model->classes.empty()) return {};
  const std::vector<std::string>& names = run.model->classes;
  if (names.size() > kMost) return {};
  return escape(fmt::format(" Each column is a class: {}.", fmt::join(names, ", ")));
}

std::string draw_film(const RunRecord& run) {
  std::string frames;
  for (const auto& [kimg, picture] : run.fakes)
    frames += show_picture(picture,
                           {fmt::format("samples after {}", kimg_label(kimg)), kimg_label(kimg), kPictureWidth, 800});
  const std::string left_out =
      run.fakes_left_out ? fmt::format(" {} snapshots between these are in the run folder.", run.fakes_left_out) : "";
  return fmt::format(
      "<details class=\"more\"><summary>All {} snapshots</summary><p class=\"note\">Drag the slider, or "
      "play.{}</p><div class=\"film\">{}</div></details>",
      run.fakes.size(), left_out, frames);
}

}  // namespace

std::string draw_samples(const RunRecord& run) {
  if (run.fakes.empty()) return missing("No samples were drawn yet: they come with the first snapshot", "");
  std::string figures;
  const auto& [kimg, fakes] = run.fakes.back();
  figures +=
      show_picture(fakes, {"generated samples", fmt::format("Generated, after {}", kimg_label(kimg)), kPictureWidth});
  if (run.reals) figures += show_picture(*run.reals, {"real data", "Real data", kPictureWidth});
  return fmt::format(
      "<p class=\"lead\">Drawn at random from the averaged generator, not selected. Compare them with the real data: "
      "is each sample believable, and are all kinds there?{}</p><div class=\"pair\">{}</div>",
      columns_text(run), figures);
}

std::string draw_progress(const RunRecord& run) {
  if (run.fakes.size() < 2) return {};
  const std::string strips = draw_strips(run);
  const char* intro = strips.empty() ? "The same latent codes at each snapshot."
                                     : "Each column is one latent code, each row a moment of the training.";
  return fmt::format("<p class=\"lead\">{}</p>{}{}", intro, strips.empty() ? draw_multiples(run) : strips,
                     draw_film(run));
}

std::string draw_interpolations(const RunRecord& run) {
  if (!run.interpolations) return {};
  return "<p class=\"lead\">Each row walks from one latent code to another along the sphere. Smooth rows, believable "
         "all the way, say that the generator has learnt more than a list of pictures.</p>" +
         show_picture(*run.interpolations, {"rows of interpolations between pairs of latent codes", "", 1132});
}

}  // namespace obverse
