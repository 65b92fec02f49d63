#pragma once
// Parts of reports that do not depend on what was found.

#include <nlohmann/json.hpp>
#include <string>

#include "apps/common/run_facts.h"
#include "nestor/nestor.h"

namespace nestor {

using ReportJson = nlohmann::ordered_json;

// On one line. Bytes that are not UTF-8 (file names may be anything) become U+FFFD.
std::string one_line(const ReportJson& json);

// A field of CSV. Lines end where rows end, whatever a name or label holds.
std::string csv_field(const std::string& text);

// The beginning of a JSON report, up to and with "images": [, which kJsonEnd closes.
std::string json_head(const ModelInfo& info, const RunFacts& facts);
inline constexpr const char* kJsonEnd = "\n]}\n";

}  // namespace nestor
