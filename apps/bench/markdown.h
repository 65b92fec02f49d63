#pragma once
// Results as tables for people, in Markdown.

#include <span>
#include <string>
#include <vector>

#include "apps/bench/compared_rows.h"
#include "apps/bench/results.h"

namespace nestor::bench {

// A table whose columns are as wide as their cells; the first row is the head, the first column is
// aligned to the left and all others to the right.
std::string markdown_table(const std::vector<std::vector<std::string>>& cells);

// The same without columns that hold nothing but a head and "-".
std::vector<std::vector<std::string>> without_empty_columns(
    std::vector<std::vector<std::string>> cells);

// Devices, versions, date.
std::string environment_text(const Environment& environment);

// What all rows share, in a line; a table of what they do not; warnings below.
std::string report(std::span<const Row> rows, const Environment& environment);

// The row's steps: time, share of all, floor and how much of the time it is, rates, variant.
std::string profile_table(const Row& row);

std::string comparison_table(const std::vector<ComparedRow>& rows);

}  // namespace nestor::bench
