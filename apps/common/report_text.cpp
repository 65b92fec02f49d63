#include "apps/common/report_text.h"

#include "engine/printable_text.h"
#include "nestor/version.h"

namespace nestor {

std::string one_line(const ReportJson& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, ReportJson::error_handler_t::replace);
}

std::string csv_field(const std::string& given) {
  const std::string text = printable(given);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string json_head(const ModelInfo& info, const RunFacts& facts) {
  ReportJson head = {{"version", version_info().version},
                     {"model", facts.model},
                     {"network", info.network},
                     {"device", facts.device},
                     {"precision", facts.precision},
                     {"preprocess", ReportJson::parse(to_json(facts.preprocess))}};
  if (info.synthetic) head["synthetic"] = true;
  std::string text = one_line(head);
  text.pop_back();  // the closing brace comes last
  return text + ", \"images\": [";
}

}  // namespace nestor
