#include "obverse/report/format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace obverse {
namespace {

constexpr char kThinSpace[] = "\u202F";
constexpr char kMinus[] = "\u2212";
constexpr char kReplacement[] = "\uFFFD";

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string with_thousands(std::string digits) {
  const size_t end = std::min(digits.find('.'), digits.size());
  if (end < 5) return digits;  // 1234 reads well as it is
  for (size_t i = end; i > 3; i -= 3) digits.insert(i - 3, kThinSpace);
  return digits;
}

// Length in bytes of the UTF-8 character that `text` starts with; 0 when it is damaged, overlong or a control
// character.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x20) return first == '\n' || first == '\t';
  if (first < 0x7F) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return follows(1) && (first != 0xC2 || byte(1) >= 0xA0) ? 2 : 0;
  const unsigned code = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  if (first < 0xF0)
    return follows(1) && follows(2) && code >= 0x800 && (code < 0xD800 || code > 0xDFFF) && code < 0xFFFE ? 3 : 0;
  const bool in_range = (first > 0xF0 || byte(1) >= 0x90) && (first < 0xF4 || byte(1) < 0x90);
  return first < 0xF5 && in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
}

}  // namespace

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return "not finite";
  if (value == 0) return "0";
  const double magnitude = std::abs(value);
  std::string text;
  if (magnitude >= 1e7 || magnitude < 1e-4) {
    text = fmt::format("{:.{}e}", magnitude, std::max(0, digits - 1));
    const size_t e = text.find('e');
    text = fmt::format("{}e{}", without_trailing_zeros(text.substr(0, e)), std::stoi(text.substr(e + 1)));
  } else {
    const int before_point = static_cast<int>(std::floor(std::log10(magnitude))) + 1;
    text =
        with_thousands(without_trailing_zeros(fmt::format("{:.{}f}", magnitude, std::max(0, digits - before_point))));
  }
  return (value < 0 && text != "0" ? kMinus : "") + text;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 1) return format_number(seconds * 1000, 2) + " ms";
  if (seconds < 10) return format_number(seconds, 2) + " s";
  const auto s = static_cast<int64_t>(std::min(std::round(seconds), 1e15));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

std::string format_bytes(double bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  for (const char* unit : {"kB", "MB", "GB"}) {
    bytes /= 1000;
    if (bytes < 1000) return fmt::format("{} {}", format_number(bytes, bytes < 100 ? 2 : 3), unit);
  }
  return fmt::format("{} TB", format_number(bytes / 1000));
}

std::string format_time(double timestamp) {
  constexpr double kYear10000 = 253402300800.0;
  if (!(timestamp >= 0 && timestamp < kYear10000)) return "unknown";
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(timestamp)));
}

std::string escape(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t length = character_length(text.substr(i));
    if (length == 0)
      result += kReplacement;
    else if (text[i] == '&')
      result += "&amp;";
    else if (text[i] == '<')
      result += "&lt;";
    else if (text[i] == '>')
      result += "&gt;";
    else if (text[i] == '"')
      result += "&quot;";
    else if (text[i] == '\'')
      result += "&#39;";
    else
      result += text.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return result;
}

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t k = 0; k < 4; ++k) result += i + k > bytes.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
  }
  return result;
}

}  // namespace obverse
