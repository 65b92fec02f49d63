#include "apps/bench/results.h"

#include <catch2/catch.hpp>

#include "apps/bench/compared_rows.h"
#include "apps/bench/markdown.h"
#include "nestor/error.h"

namespace nestor::bench {

namespace {

const Environment kEnvironment{.version = "1",
                               .commit = "abc",
                               .compiler = "a, \"compiler\"",
                               .onednn = "2",
                               .date = "2026-01-02T03:04:05Z",
                               .devices = {{"cpu", {"A CPU", ""}}, {"cuda:0", {"A GPU", "550"}}}};

Row row_of(double ms, int runs = 20) {
  Row row{.key = {.network = "resnest14",
                  .height = 64,
                  .width = 96,
                  .precision = "fp32",
                  .device = "cpu",
                  .threads = 2,
                  .input = "noise"}};
  for (int round = 0; round < 4; ++round) {
    auto& times = row.samples.rounds.emplace_back();
    for (int i = 0; i < runs / 4; ++i) {
      const double time = ms * (1 + 0.001 * i);
      times.push_back({.upload_ms = 0.1, .compute_ms = time - 0.1, .total_ms = time});
      row.samples.measured_ms += time;
    }
  }
  return row;
}

Row on_gpu(double enqueue_ms, double upload_ms) {
  Row row = row_of(1);
  row.key.device = "cuda:0";
  row.key.threads = 0;
  for (auto& round : row.samples.rounds) {
    for (RunTimes& run : round) {
      run = {.upload_ms = upload_ms, .compute_ms = 2, .enqueue_ms = enqueue_ms, .total_ms = 4};
    }
  }
  return row;
}

}  // namespace

TEST_CASE("rows: throughput, time an image and floor follow from the times", "[bench]") {
  Row row = row_of(8);
  row.key.batch = 4;
  row.floor_ms = 4;
  const Figures figures = figures_of(row);
  CHECK(figures.throughput == Approx(4e3 / figures.latency.mean));
  CHECK(figures.ms_per_image == Approx(figures.latency.median / 4));
  CHECK(*figures.floor_share == Approx(4 / figures.compute.median));
}

TEST_CASE("rows: a GPU's latency is its own time, or with transfers the host's", "[bench]") {
  Row row = on_gpu(0.1, 0.5);
  CHECK(figures_of(row).latency.median == 2);
  CHECK(figures_of(row).throughput == Approx(500));
  row.key.transfers = true;
  CHECK(figures_of(row).latency.median == 4);
}

TEST_CASE("rows: warnings name what spoils the figures", "[bench]") {
  const auto warned = [](const Row& row) {
    std::string all;
    for (const std::string& text : warnings_of(row, figures_of(row))) all += text + "\n";
    return all;
  };
  CHECK(warned(row_of(8)) == "");
  CHECK(warned(on_gpu(0.1, 0.1)) == "");
  CHECK_THAT(warned(on_gpu(1.9, 0.1)), Catch::StartsWith("host-bound"));
  CHECK_THAT(warned(on_gpu(0.1, 2.1)), Catch::StartsWith("transfers dominate"));
  Row drifting = row_of(8);
  for (RunTimes& run : drifting.samples.rounds[2]) run.total_ms *= 1.2;
  CHECK_THAT(warned(drifting), Catch::StartsWith("unstable clock"));
  Row busy = row_of(8);
  busy.samples.others_cores = 0.9;
  CHECK_THAT(warned(busy), Catch::StartsWith("busy machine"));
}

TEST_CASE("results: rows come back from JSON and JSON lines", "[bench]") {
  Row row = row_of(8);
  row.key.without = {"winograd4"};
  const std::vector<Json> documents = {to_json(row, kEnvironment)};
  for (const std::string& text : {json_document(documents), json_line(documents[0]) + "\n"}) {
    const std::vector<TimedRow> rows = parse_results(text, "old.json");
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].key == row.key);
    CHECK(rows[0].latency_rounds == figures_of(row).latency_rounds);
  }
}

TEST_CASE("results: files of something else are refused by name", "[bench]") {
  const std::string good = json_line(to_json(row_of(8), kEnvironment));
  const auto with = [&](const char* key, const Json& value) {
    Json row = Json::parse(good);
    row[key] = value;
    return row.dump();
  };
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"rows\": []}"),
        std::string("{\"format\": \"nestor-bench\", \"version\": 2, \"rows\": []}"),
        with("samples_ms", "none"), with("samples_ms", {{-1.0}}), with("samples_ms", Json::array()),
        with("samples_ms", {Json::array()}), with("batch", "one"), with("batch", nullptr)}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_results(text, "old.json"), Catch::StartsWith("old.json: "));
  }
}

TEST_CASE("results: CSV has a head and quotes what it must", "[bench]") {
  const Json document = to_json(row_of(8), kEnvironment);
  const std::string text = csv_table({document, document});
  CHECK(std::ranges::count(text, '\n') == 3);
  CHECK_THAT(text,
             Catch::Contains("latency_ms.median") && Catch::Contains("\"a, \"\"compiler\"\"\""));
  CHECK_THAT(text, !Catch::Contains("samples_ms"));
}

TEST_CASE("results: rows are compared with their equals only", "[bench]") {
  Row other = row_of(8);
  other.key.batch = 2;
  const std::vector<TimedRow> now = {timed_row(other), timed_row(row_of(8.4))};
  const std::vector<TimedRow> before = {timed_row(row_of(8))};
  const std::vector<ComparedRow> compared = compare(before, now);
  REQUIRE(compared.size() == 1);
  CHECK(compared[0].idx == 1);
  CHECK(verdict(compared[0].interval) == "slower");
  CHECK(any_slower(compared));
  CHECK_THAT(comparison_table(compared), Catch::Contains("slower") && Catch::Contains("1.05"));
  CHECK_FALSE(any_slower(compare(before, {timed_row(row_of(8))})));
}

TEST_CASE("results: the report names once what all rows share", "[bench]") {
  Row larger = row_of(9);
  larger.key.batch = 16;
  const Row rows[] = {row_of(8), larger};
  const std::string text = report(rows, kEnvironment);
  CHECK_THAT(text, Catch::Contains("input 64x96, precision fp32, device cpu, threads 2"));
  CHECK_THAT(text, Catch::Contains("| network   | batch |"));
  CHECK_THAT(text, !Catch::Contains("H2D"));
  const Row gpu_rows[] = {on_gpu(0.1, 0.5)};
  CHECK_THAT(report(gpu_rows, kEnvironment),
             Catch::Contains("H2D") && Catch::Contains("driver 550"));
}

}  // namespace nestor::bench
