#include "apps/bench/published_table.h"

#include <catch2/catch.hpp>

#include "apps/common/published.h"

namespace nestor::bench {

namespace {

const Environment kEnvironment{.version = "1",
                               .commit = "abc",
                               .compiler = "c",
                               .onednn = "2",
                               .date = "2026-01-02T03:04:05Z",
                               .devices = {{"cpu", {"A CPU", ""}}}};

PublishedTable both() {
  PublishedTable table;
  table.columns = {{.setting = "cpu fp32, batch 16, 2 threads", .is_measured = true},
                   {.setting = "V100-SXM2 (cuda:sm_70) fp16, batch 16", .is_measured = false}};
  for (const PublishedRow& row : published_rows()) {
    table.columns[0].times[row.network] = {10 * row.ms, std::nullopt};
    if (row.family == "ResNeSt") table.columns[1].times[row.network] = {row.ms / 10, row.ms / 20};
  }
  return table;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

}  // namespace

TEST_CASE("table: a column says whether it was measured", "[bench]") {
  const std::string text = to_markdown(both(), kEnvironment);
  CHECK_THAT(text, Catch::Contains("| ms, cpu fp32, batch 16, 2 threads: measured |"));
  CHECK_THAT(text, Catch::Contains(
                       "| ms, V100-SXM2 (cuda:sm_70) fp16, batch 16: ESTIMATED, not measured |"));
  CHECK_THAT(text, Catch::Contains("ms, V100, batch 16: published"));
  CHECK(count(text, "floor, ms") == 1);  // of the CPU there is none
  CHECK(count(text, "EfficientNet-B") == 6);
  CHECK_THAT(text,
             Catch::Contains("19.50") && Catch::Contains("195.00") && Catch::Contains("1.95"));
}

TEST_CASE("table: documents hold what was published and each time's kind", "[bench]") {
  const std::vector<Json> documents = to_documents(both(), kEnvironment);
  REQUIRE(documents.size() == published_rows().size());
  const Json& times = documents[0]["times"];
  CHECK(times["cpu fp32, batch 16, 2 threads"]["kind"] == "measured");
  CHECK(times["V100-SXM2 (cuda:sm_70) fp16, batch 16"]["kind"] == "estimated");
  CHECK(times["V100-SXM2 (cuda:sm_70) fp16, batch 16"]["floor_ms"] == Approx(0.089));
  CHECK(documents[0]["published_ms"] == 1.78);
  CHECK(documents[10]["times"].size() == 1);
  const std::string csv = csv_table(documents);  // as many columns in each line
  CHECK(count(csv.substr(0, csv.find('\n')), ",\"times.") == 6);
  CHECK_THAT(csv, Catch::EndsWith("measured,287.0,,,,,abc,2026-01-02T03:04:05Z\n"));
}

TEST_CASE("figure: a curve for each family and setting", "[bench]") {
  const std::vector<Curve> curves = curves_of(both());
  REQUIRE(curves.size() == 7);  // three families published and measured, one estimated
  CHECK(curves[0].points.size() == 4);
  CHECK(curves[2].points.size() == 6);
  CHECK((curves[2].points[0].label == "B2" && curves[2].points[0].top1 == 80.3));
  CHECK(curves[6].setting == "ESTIMATED, not measured: V100-SXM2 (cuda:sm_70) fp16, batch 16");
}

TEST_CASE("figure: points lie inside, the slower to the right, the better above", "[bench]") {
  const Figure figure = draw_curves(curves_of(both()));
  for (const DrawnMark& mark : figure.marks) {
    CHECK((mark.x > 0 && mark.x < figure.width && mark.y > 0 && mark.y < figure.height));
  }
  for (std::size_t i = 1; i < 4; ++i) {  // the published ResNeSts
    CHECK(figure.marks[i].x > figure.marks[i - 1].x);
    CHECK(figure.marks[i].y < figure.marks[i - 1].y);
  }
}

TEST_CASE("figure: SVG and pixels show the same", "[bench]") {
  Curve curve{.family = "A & <B>",
              .setting = "s",
              .colour = {200, 30, 30},
              .style = 1,
              .points = {{"one", 1, 81}, {"two", 10, 84}}};
  const Figure figure = draw_curves({&curve, 1});
  const std::string svg = to_svg(figure);
  CHECK_THAT(svg, Catch::Contains("A &amp; &lt;B>") && Catch::Contains(">two</text>"));
  CHECK(count(svg, "<circle") == figure.marks.size());
  CHECK(count(svg, "<text") == figure.texts.size());
  const Image image = to_image(figure, 2);
  REQUIRE((image.width == 2 * figure.width && image.height == 2 * figure.height));
  const auto pixel = [&](double x, double y) {
    const auto at = 3 * (static_cast<std::size_t>(2 * y) * static_cast<std::size_t>(image.width) +
                         static_cast<std::size_t>(2 * x));
    return Colour{image.rgb[at], image.rgb[at + 1], image.rgb[at + 2]};
  };
  for (const DrawnMark& mark : figure.marks) CHECK(pixel(mark.x, mark.y) == mark.colour);
  CHECK(pixel(figure.width - 2, 2) == kWhite);
}

}  // namespace nestor::bench
