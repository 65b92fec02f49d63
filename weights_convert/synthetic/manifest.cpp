// {"network": ..., "salt": optional, "parameters": [{"name", "shape", "rule", "arg": optional},
// ...]}. Names are the network's or PyTorch's; the values follow from them.

#include "weights_convert/synthetic/manifest.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/digest.h"
#include "weights_convert/metadata.h"
#include "weights_convert/readers/tensor_size.h"
#include "weights_convert/rename/match.h"
#include "weights_convert/rename/naming.h"
#include "weights_convert/synthetic/values.h"

namespace nestor {

namespace {

using nlohmann::json;

struct ManifestRow {
  std::string name;
  Shape shape;
  std::optional<ValueRule> rule;  // nothing: taken from the stored values
  std::optional<double> argument;
};

struct Manifest {
  std::string salt;
  std::vector<ManifestRow> rows;
};

Shape parse_shape(const json& dims, const std::string& file, const std::string& name) {
  const auto shape = dims.get<std::vector<std::int64_t>>();
  const bool natural = std::ranges::all_of(shape, [](std::int64_t dim) { return dim >= 0; });
  CHECK_AS(kBadModel,
           natural && shape.size() <= Shape::kMaxRank &&
               !checked_tensor_bytes(DType::kFloat32, shape).overflowed(),
           "{}: parameter {:?} has an impossible shape", file, name);
  return Shape(shape);
}

Manifest parse_manifest(std::string_view text, const std::string& file) {
  Manifest manifest;
  try {
    const json root = json::parse(text);
    manifest.salt = root.value("salt", "");
    for (const json& row : root.at("parameters")) {
      const auto name = row.at("name").get<std::string>();
      const auto rule = row.at("rule").get<std::string>();
      if (rule == "constant") continue;  // computed by the framework
      ManifestRow parsed{.name = name,
                         .shape = parse_shape(row.at("shape"), file, name),
                         .rule = parse_value_rule(rule),
                         .argument = {}};
      if (row.contains("arg")) parsed.argument = row["arg"].get<double>();
      CHECK_AS(kBadModel, parsed.rule || rule == "stored",
               "{}: parameter {:?} has unknown rule {:?}", file, name, rule);
      CHECK_AS(kBadModel, parsed.rule != ValueRule::kUniform || parsed.argument,
               "{}: parameter {:?} has rule uniform without arg", file, name);
      manifest.rows.push_back(std::move(parsed));
    }
  } catch (const json::exception& error) {
    fail(ErrorCode::kBadModel, "{}: not a manifest: {}", file, error.what());
  }
  return manifest;
}

std::span<const std::byte> stored_values(const WeightFile& stored, const ManifestRow& row) {
  const WeightFile::Entry* entry = stored.find(row.name);
  CHECK_AS(kBadModel, entry, "{}: no tensor {:?}, which the manifest expects here", stored.name(),
           row.name);
  CHECK_AS(kBadModel, dtype_of(entry->dtype) == DType::kFloat32 && entry->shape == row.shape,
           "{}: tensor {:?} is {} {}, the manifest expects F32 {}", stored.name(), row.name,
           entry->dtype, entry->shape.to_string(), row.shape.to_string());
  return entry->data;
}

// The network's names of the manifest's rows; those of rows that it does not know stay.
std::vector<std::string> canonical(const Network& network, std::span<const Parameter> wanted,
                                   const Manifest& manifest) {
  std::vector<std::string> names;
  for (const ManifestRow& row : manifest.rows) names.push_back(row.name);
  const CanonicalNames found = canonical_names(name_table(network), wanted, names);
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = found.names[i].value_or(names[i]);
  return names;
}

}  // namespace

Conversion convert_manifest(const std::filesystem::path& manifest_path,
                            const std::filesystem::path& stored_path,
                            const std::filesystem::path& output, const ConversionOptions& options) {
  const Network& network = require_network(options.network);
  const NetworkOptions sizes{options.num_classes.value_or(num_classes(network))};
  const MappedFile file = MappedFile::open(manifest_path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  const Manifest manifest = parse_manifest(text, file.name());
  const WeightFile stored = WeightFile::open(stored_path);

  const std::vector<Parameter> wanted = parameters(network, sizes);
  const std::vector<std::string> names = canonical(network, wanted, manifest);
  std::vector<NamedTensor> tensors;
  std::map<std::string, const ManifestRow*, std::less<>> by_name;
  std::vector<WeightFileWriter::Entry> entries;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ManifestRow& row = manifest.rows[i];
    tensors.push_back({names[i], row.name, {DType::kFloat32, row.shape}});
    by_name.emplace(names[i], &row);
    entries.push_back({names[i], DType::kFloat32, row.shape});
  }
  match_parameters(wanted, tensors, file.name(),
                   fmt::format("{} with {} classes", network.name, sizes.num_classes));

  ModelFacts facts{.network = &network,
                   .options = sizes,
                   .source = "synthetic",
                   .source_sha256 = sha256_hex(file.bytes()),
                   .labels = {},
                   .synthetic = true};
  if (options.labels) facts.labels = read_labels(*options.labels, facts.options.num_classes);
  WeightFileWriter writer(output, std::move(entries), model_metadata(facts));
  std::vector<float> values;
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const ManifestRow& row = *by_name.at(entry.name);
    if (!row.rule) {
      writer.write(stored_values(stored, row));
      continue;
    }
    values.resize(static_cast<std::size_t>(row.shape.num_elements()));
    if (!fill_fixed_gamma(network, entry.name, values))
      fill_synthetic(*row.rule, row.argument, manifest.salt + row.name, row.shape, values);
    writer.write(std::as_bytes(std::span(values)));
  }
  writer.finish();
  return {.source = facts.source,
          .source_sha256 = facts.source_sha256,
          .input_bytes = file.bytes().size(),
          .output_bytes = written_bytes(output),
          .num_tensors = manifest.rows.size()};
}

}  // namespace nestor
