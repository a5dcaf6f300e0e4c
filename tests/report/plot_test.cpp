#include "obverse/report/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/report/well_formed.h"

namespace obverse {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

Chart chart_of(std::vector<double> y) {
  std::vector<double> x;
  for (size_t i = 0; i < y.size(); ++i) x.push_back(static_cast<double>(i));
  Chart chart;
  chart.title = "Loss";
  chart.x_label = "kimg";
  chart.series = {{"generator", "g", x, std::move(y), {}, {}}};
  return chart;
}

TEST(Ticks, AreRoundNumbersWithinTheRange) {
  EXPECT_THAT(nice_ticks(0, 100, 5), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_THAT(nice_ticks(-1.2, 1.1, 4), Pointwise(DoubleNear(1e-12), {-1.0, -0.5, 0.0, 0.5, 1.0}));
  EXPECT_THAT(nice_ticks(3, 3, 5), ElementsAre(3));
  for (const double scale : {1e-12, 1e-3, 1.0, 7.3, 1e9})
    for (const int wanted : {3, 4, 5}) {
      const size_t n = nice_ticks(0.13 * scale, 1.91 * scale, wanted).size();
      EXPECT_GE(n, 2u);
      EXPECT_LE(n, 9u);
    }
}

TEST(Ticks, EndEvenWhereNumbersAreTooLargeToCount) {
  EXPECT_LE(nice_ticks(1e17, 1e17 + 64, 5).size(), 21u);
  EXPECT_EQ(nice_ticks(-1e308, 1e308, 5).size(), 1u);
}

TEST(Ticks, OnALogScaleArePowersOfTen) {
  EXPECT_THAT(log_ticks(0.5, 2000), Pointwise(DoubleNear(1e-9), {1.0, 10.0, 100.0, 1000.0}));
  EXPECT_THAT(log_ticks(2, 40), Pointwise(DoubleNear(1e-9), {3.0, 10.0, 30.0}));
  EXPECT_GE(log_ticks(4, 6).size(), 2u);
  EXPECT_LE(log_ticks(1e-30, 1e30).size(), 8u);
}

TEST(Ticks, CarryTheDigitsThatTellThemApart) {
  EXPECT_THAT(tick_labels({0, 0.25, 0.5}), ElementsAre("0", "0.25", "0.5"));
  EXPECT_THAT(tick_labels({1000.1, 1000.2}), ElementsAre("1000.1", "1000.2"));
  EXPECT_THAT(tick_labels({100000, 200000}), ElementsAre("100\u202F000", "200\u202F000"));
  EXPECT_THAT(tick_labels({-50, 0, 50}), ElementsAre("−50", "0", "50"));
  EXPECT_THAT(tick_labels({0.001, 1, 1000}), ElementsAre("0.001", "1", "1000"));
}

TEST(Smoothing, IsATriangularMeanThatLeavesGapsOut) {
  const std::vector<double> y = {0, 4, 8, kNaN, 100};
  EXPECT_DOUBLE_EQ(smoothed_at(y, 1, 0), 4);
  EXPECT_DOUBLE_EQ(smoothed_at(y, 1, 1), (0 + 2 * 4 + 8) / 4.0);
  EXPECT_DOUBLE_EQ(smoothed_at(y, 0, 1), (2 * 0 + 4) / 3.0);
  EXPECT_DOUBLE_EQ(smoothed_at(y, 2, 1), (4 + 2 * 8) / 3.0);
  EXPECT_TRUE(std::isnan(smoothed_at(y, 3, 1)));
}

TEST(LogScale, IsTakenForPositiveValuesThatSpanOrdersOfMagnitude) {
  const auto wants = [](std::vector<double> y) { return wants_log_scale(chart_of(std::move(y)).series); };
  EXPECT_TRUE(wants({1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 1e4}));
  EXPECT_FALSE(wants({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_FALSE(wants({-1, 1e-2, 0.1, 1, 10, 100, 1000, 1e4}));
  EXPECT_FALSE(wants({1, 1000}));  // too few to say
  Chart forced = chart_of({0, 1, 2});
  forced.log_scale = true;
  EXPECT_THAT(draw_chart(forced), HasSubstr("data-log=\"0\""));  // zero has no logarithm
}

TEST(Chart, IsLeftOutWhenThereIsNothingToDraw) {
  EXPECT_EQ(draw_chart(Chart{}), "");
  EXPECT_EQ(draw_chart(chart_of({})), "");
  EXPECT_EQ(draw_chart(chart_of({kNaN, kInfinity})), "");
}

TEST(Chart, PutsPointsWhereTheyBelong) {
  const std::string svg = draw_chart(chart_of({0, 5, 10}));
  // The frame is 346 x 182; y runs from 0 - 6 % to 10 + 6 %, so that 5 lies in the middle.
  EXPECT_THAT(svg, HasSubstr(" 173.0,91.0 "));
  EXPECT_THAT(svg, HasSubstr("data-y=\"-0.6 10.6\""));
  EXPECT_THAT(svg, HasSubstr("<b>10</b>"));
}

TEST(Chart, BreaksTheLineAtGapsAndSaysHowManyThereAre) {
  const std::string svg = draw_chart(chart_of({1, 2, kNaN, 3, 4, kInfinity}));
  EXPECT_EQ(count(svg, "<polyline class=\"line\""), 2u);
  EXPECT_THAT(svg, HasSubstr("2 values were not finite."));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Chart, DrawsASinglePointAsADot) { EXPECT_THAT(draw_chart(chart_of({5})), HasSubstr("<circle class=\"dot\"")); }

TEST(Chart, KeepsOneSpikeFromHidingTheRest) {
  std::vector<double> y(200, 1.0);
  for (size_t i = 0; i < y.size(); ++i) y[i] += 0.001 * static_cast<double>(i % 7);
  y[20] = 1e6;
  const std::string svg = draw_chart(chart_of(y));
  EXPECT_THAT(svg, HasSubstr("1 outlier lies beyond the frame."));
  EXPECT_THAT(svg, HasSubstr(">1.002<"));
}

TEST(Chart, StaysSmallWhateverTheNumberOfPoints) {
  std::vector<double> y;
  for (int i = 0; i < 300000; ++i) y.push_back(std::sin(i * 0.1) + 1e-5 * i);
  EXPECT_LT(draw_chart(chart_of(y)).size(), 30000u);
}

TEST(Chart, SurvivesValuesAtTheEdgeOfTheRange) {
  for (const auto& y : std::vector<std::vector<double>>{
           {1e308, -1e308, 1}, {1e-320, 2e-320}, {5, 5, 5}, {0, 0}, {-1e-7, -1e-7}, {1e299, 2e299}}) {
    const std::string svg = draw_chart(chart_of(y));
    EXPECT_EQ(xml_problem(svg), "");
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
  }
}

TEST(Chart, LeavesOutPointsWhosePlaceIsUnknown) {
  Chart chart = chart_of({1, 2, 3, 4});
  chart.series[0].x = {0, kNaN, 1e308, 3};
  chart.series[0].low = {0, 1, 2, 3}, chart.series[0].high = {2, 3, 4, 5};
  const std::string svg = draw_chart(chart);
  EXPECT_THAT(svg, HasSubstr("data-x=\"0 3\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Chart, EscapesEveryName) {
  Chart chart = chart_of({1, 2});
  chart.title = chart.unit = chart.x_label = chart.note = chart.series[0].name = "<script>\"&";
  chart.markers = {{0.5, "alarm", "<script>\"&"}};
  chart.references = {{1.5, "<script>\"&", "real"}};
  EXPECT_THAT(draw_chart(chart), Not(HasSubstr("<script>")));
  EXPECT_EQ(xml_problem(draw_chart(chart)), "");
}

TEST(Chart, DrawsBandMarkerAndReference) {
  Chart chart = chart_of({1, 2});
  chart.series[0].low = {0.5, 1.5}, chart.series[0].high = {1.5, 2.5};
  chart.markers = {{0.5, "alarm", "5 kimg: collapse"}, {99, "alarm", "out of sight"}};
  chart.references = {{0.25, "real images", "real"}};
  const std::string svg = draw_chart(chart);
  EXPECT_THAT(svg, HasSubstr("class=\"band\""));
  EXPECT_THAT(svg, HasSubstr("<title>5 kimg: collapse</title>"));
  EXPECT_THAT(svg, Not(HasSubstr("out of sight")));
  EXPECT_THAT(svg, HasSubstr("class=\"reference real\""));
}

}  // namespace
}  // namespace obverse
