#pragma once
// The figures of an evaluation: a table for people, a file for programs.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

struct FiguresOptions {
  std::string output;  // a file; empty: none
  bool quiet = false;
};

// --output and --quiet.
void add_figures_options(CLI::App& app, FiguresOptions& options);

// Finds what would cost the figures if it showed only at the end: throws kUsage if the output is one
// of the files that the command reads or writes besides, kInternal if it cannot be written.
void check_figures_output(const FiguresOptions& options, std::span<const std::string> read);

struct Figure {
  std::string name;
  double value = 0;  // below 0: there is none
};

// "AP        0.4271" a line.
std::string figures_text(std::span<const Figure> figures);

// Prints the figures unless the options say --quiet, and writes `facts`, an object, with the figures
// as its first members to the output.
void report_figures(const FiguresOptions& options, std::span<const Figure> figures,
                    const nlohmann::ordered_json& facts);

}  // namespace nestor
