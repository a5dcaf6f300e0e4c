#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace obverse {

/// A number for people: `digits` significant digits, no trailing zeros, thousands apart by thin spaces, a power of ten
/// only beyond 1e7 and below 1e-4. Not finite: "not finite".
std::string format_number(double value, int digits = 3);

/// "45 s", "7 min 12 s", "3 h 05 min", "2 d 4 h".
std::string format_duration(double seconds);

/// "840 bytes", "1.2 MB" (powers of 1000).
std::string format_bytes(double bytes);

/// Seconds since 1970 as "2024-05-31 14:05 UTC".
std::string format_time(double timestamp);

/// Text that is safe inside HTML elements and quoted attributes. Bytes that are not UTF-8, and control characters,
/// become U+FFFD.
std::string escape(std::string_view text);

std::string base64(std::string_view bytes);

}  // namespace obverse
