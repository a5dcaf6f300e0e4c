#include <fmt/format.h>

#include "obverse/report/format.h"
#include "obverse/report/sections.h"

namespace obverse {
namespace {

std::string draw_rates(const Application& a) {
  std::string rows;
  for (const auto& line : a.summary.value("rates", nlohmann::json::array()))
    rows += fmt::format("<tr><th>{}</th><td data-label=\"PSNR\">{:.2f} dB</td></tr>",
                        format_number(number_of(line, "bytes").value_or(0), 7), number_of(line, "psnr").value_or(0));
  if (rows.empty()) return {};
  return fmt::format(
      "<table class=\"methods\"><thead><tr><th>Bytes an image</th><th>PSNR</th></tr></thead><tbody>{}</tbody></table>",
      rows);
}

}  // namespace

std::string draw_compressions(const RunRecord& run) {
  std::string body;
  for (const Application& a : run.applications) {
    if (a.kind != "compress") continue;
    const auto images = number_of(a.summary, "images"), bytes = number_of(a.summary, "bytes"),
               bits = number_of(a.summary, "bits_per_dim"), bound = number_of(a.summary, "model_bits_per_dim");
    body += fmt::format("<h3>{}</h3><p>{} images in {} bytes: {:.4f} bits a number, all of the file counted.{}</p>{}",
                        escape(text_of(a.summary, "kind")), format_number(images.value_or(0), 7),
                        format_number(bytes.value_or(0), 10), bits.value_or(0),
                        bound ? fmt::format(" The model's own bound is {:.4f}.", *bound) : "", draw_rates(a));
    for (const auto& [name, picture] : a.pictures) {
      const std::string caption = "Originals, and below them what more and more bytes of one file give";
      body += show_picture(picture, {caption, caption, 900});
    }
  }
  if (body.empty()) return {};
  return "<p class=\"lead\">Images as the model's codes in a file of their own. A lossy file may be cut after any "
         "byte; a "
         "lossless one gives every byte back.</p>" +
         body;
}

}  // namespace obverse
