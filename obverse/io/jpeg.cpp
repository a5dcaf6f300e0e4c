#include <ATen/ATen.h>

#include <csetjmp>
#include <cstdio>
#include <stdexcept>
#include <vector>
// libjpeg's header needs FILE and size_t before it.
#include <jerror.h>
#include <jpeglib.h>

#include "obverse/core/error.h"
#include "obverse/io/codecs.h"

namespace obverse {
namespace {

constexpr int kMaxScans = 500;  // more in a progressive file is an attack on our time

// All that lives across libjpeg's longjmp.
struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = {};
  std::vector<unsigned char> pixels;  // [H, W, channels]
  size_t width = 0, height = 0, channels = 0;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
};

JpegReader& reader_of(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }

bool refuse(JpegReader& r, const char* why) {
  std::snprintf(r.message, sizeof(r.message), "%s", why);
  return false;
}

void stop(j_common_ptr jpeg) {
  jpeg->err->format_message(jpeg, reader_of(jpeg).message);
  std::longjmp(reader_of(jpeg).on_error, 1);
}

// libjpeg fills in what is missing and goes on; lost image data are an error here.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
  if (level < 0 && !harmless) stop(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMaxScans) {
    refuse(reader_of(jpeg), "too many scans");
    std::longjmp(reader_of(jpeg).on_error, 1);
  }
}

void set_up(JpegReader& r, const std::string& bytes) {
  r.jpeg.err = jpeg_std_error(&r.errors);
  r.errors.error_exit = stop;
  r.errors.emit_message = on_message;
  r.jpeg.client_data = &r;
  jpeg_create_decompress(&r.jpeg);
  r.progress.progress_monitor = on_progress;
  r.jpeg.progress = &r.progress;
  jpeg_mem_src(&r.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// Returns false when libjpeg reports an error, in r.message, or when the picture is refused.
bool read_pixels(JpegReader& r, const std::string& bytes) {
  if (setjmp(r.on_error)) return false;
  set_up(r, bytes);
  jpeg_read_header(&r.jpeg, TRUE);
  if (uint64_t{r.jpeg.image_width} * r.jpeg.image_height > kMaxPixels) return refuse(r, "too many pixels");
  if (r.jpeg.num_components == 4) return refuse(r, "CMYK colours: convert it to RGB");
  r.jpeg.out_color_space = r.jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&r.jpeg);
  r.width = r.jpeg.output_width, r.height = r.jpeg.output_height;
  r.channels = static_cast<size_t>(r.jpeg.output_components);
  r.pixels.resize(r.width * r.height * r.channels);
  while (r.jpeg.output_scanline < r.jpeg.output_height) {
    JSAMPROW row = r.pixels.data() + r.jpeg.output_scanline * r.width * r.channels;
    jpeg_read_scanlines(&r.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&r.jpeg);
  return true;
}

}  // namespace

at::Tensor decode_jpeg(const std::string& bytes, const std::string& where) {
  JpegReader reader;
  if (!read_pixels(reader, bytes)) fail("{}: unreadable JPEG: {}", where, reader.message);
  const auto width = static_cast<int64_t>(reader.width), height = static_cast<int64_t>(reader.height);
  const at::Tensor rows =
      at::from_blob(reader.pixels.data(), {height, width, static_cast<int64_t>(reader.channels)}, at::kByte);
  return rows.permute({2, 0, 1}).clone(at::MemoryFormat::Contiguous);
}

}  // namespace obverse
