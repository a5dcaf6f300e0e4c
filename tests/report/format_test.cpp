#include "obverse/report/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace obverse {
namespace {

TEST(FormatNumber, KeepsSignificantDigitsAndDropsTrailingZeros) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(12.126), "12.1");
  EXPECT_EQ(format_number(0.50001), "0.5");
  EXPECT_EQ(format_number(0.004158, 4), "0.004158");
  EXPECT_EQ(format_number(-1.25), "−1.25");
  EXPECT_EQ(format_number(999.96), "1000");
  EXPECT_EQ(format_number(12345678, 3), "1.23e7");
  EXPECT_EQ(format_number(4e-8), "4e-8");
}

TEST(FormatNumber, SetsThousandsApartFromFiveDigitsOn) {
  EXPECT_EQ(format_number(2000), "2000");
  EXPECT_EQ(format_number(60000), "60\u202F000");
  EXPECT_EQ(format_number(1234567, 7), "1\u202F234\u202F567");
}

TEST(FormatNumber, SaysWhenAValueIsNotFinite) {
  EXPECT_EQ(format_number(std::numeric_limits<double>::quiet_NaN()), "not finite");
  EXPECT_EQ(format_number(-std::numeric_limits<double>::infinity()), "not finite");
}

TEST(FormatDuration, ChoosesUnitsThatPeopleUse) {
  EXPECT_EQ(format_duration(0.0021), "2.1 ms");
  EXPECT_EQ(format_duration(1.94), "1.9 s");
  EXPECT_EQ(format_duration(45), "45 s");
  EXPECT_EQ(format_duration(404), "6 min 44 s");
  EXPECT_EQ(format_duration(3 * 3600 + 5 * 60), "3 h 05 min");
  EXPECT_EQ(format_duration(2 * 86400 + 4 * 3600), "2 d 4 h");
  EXPECT_EQ(format_duration(-1), "unknown");
}

TEST(FormatBytes, UsesPowersOfAThousand) {
  EXPECT_EQ(format_bytes(840), "840 bytes");
  EXPECT_EQ(format_bytes(1.23e6), "1.2 MB");
  EXPECT_EQ(format_bytes(5e12), "5 TB");
}

TEST(FormatTime, IsInUtcAndRefusesWhatIsNoTime) {
  EXPECT_EQ(format_time(0), "1970-01-01 00:00 UTC");
  EXPECT_EQ(format_time(1717171717), "2024-05-31 16:08 UTC");
  EXPECT_EQ(format_time(1e300), "unknown");
  EXPECT_EQ(format_time(std::numeric_limits<double>::quiet_NaN()), "unknown");
}

TEST(Escape, LeavesNoMarkupAlive) {
  EXPECT_EQ(escape("<b a=\"x\" b='y'> & </b>"), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt; &amp; &lt;/b&gt;");
}

TEST(Escape, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(escape("×γ漢😀\n\t"), "×γ漢😀\n\t");
  EXPECT_EQ(escape(std::string_view("a\0b\x1B", 4)), "a\uFFFDb\uFFFD");
  EXPECT_EQ(escape("\xC3"), "\uFFFD");                                // cut short
  EXPECT_EQ(escape("\xC0\xBC"), "\uFFFD\uFFFD");                      // '<', overlong
  EXPECT_EQ(escape("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // half of a surrogate pair
  EXPECT_EQ(escape("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // beyond U+10FFFF
  EXPECT_EQ(escape("\xEF\xBF\xBF"), "\uFFFD\uFFFD\uFFFD");            // U+FFFF is no character
}

TEST(Base64, AgreesWithTheExamplesOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
}

}  // namespace
}  // namespace obverse
