#include "weights_convert/convert.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "engine/check.h"
#include "engine/digest.h"
#include "engine/utf8.h"
#include "engine/weights/float32.h"
#include "weights_convert/float16.h"
#include "weights_convert/metadata.h"
#include "weights_convert/official_files.h"
#include "weights_convert/rename/match.h"
#include "weights_convert/rename/naming.h"

namespace nestor {

namespace {

constexpr std::size_t kSmallestMatrixRank = 2;

struct Digests {
  std::string input;    // SHA-256 of the file as it was given
  std::string payload;  // as official names have it: SHA-1 of .params, SHA-256 of all others
};

Digests digests_of(const OpenedSource& source) {
  Digests digests;
  digests.input = sha256_hex(source.input.bytes());
  digests.payload =
      source.content.format == "mxnet" ? sha1_hex(source.content.payload) : digests.input;
  return digests;
}

// safetensors files are not published under such names; "-20240131" would be a date.
bool has_official_name(const OpenedSource& source) {
  return source.content.format != "safetensors" && source.content.format != "numpy";
}

void check_digests(const OpenedSource& source, const Digests& digests,
                   const std::string& expected_sha256) {
  CHECK_AS(kBadModel, expected_sha256.empty() || digests.input == expected_sha256,
           "{}: its SHA-256 is {}, expected {}", source.input.name(), digests.input,
           expected_sha256);
  if (!has_official_name(source)) return;
  for (const std::string& name : {source.input.name(), source.content.payload_name}) {
    const std::string file_name = std::filesystem::path(name).filename().string();
    const std::optional<std::string_view> hash = hash_in_name(file_name);
    if (!hash) continue;
    const std::size_t length = std::min(hash->size(), digests.payload.size());
    CHECK_AS(kBadModel, hash->substr(0, length) == digests.payload.substr(0, length),
             "{}: its name promises the hash {}, found {}: damaged, or not that file", name, *hash,
             digests.payload);
  }
}

std::string source_of(const SourceFile& content, const Digests& digests, NamingStyle style) {
  if (const OfficialFile* file = find_official_file(digests.payload)) {
    return std::string(file->source);
  }
  if (std::optional<std::string> own = known_source(content.metadata)) return *own;
  return style == NamingStyle::kTorch ? "timm" : "gluoncv";
}

// The tensors under canonical names, those that no network needs left out.
struct Renamed {
  NamingStyle style = NamingStyle::kStructural;
  std::vector<NamedTensor> tensors;
  std::vector<const SourceTensor*> sources;
};

Renamed rename(const SourceFile& content, const Network& network,
               std::span<const Parameter> parameters, const std::string& file) {
  std::vector<std::string> names;
  for (const SourceTensor& tensor : content.tensors) {
    CHECK_AS(kBadModel, tensor.name, "{}: its tensors have no names, which conversion needs", file);
    names.push_back(*tensor.name);
  }
  CanonicalNames canonical = canonical_names(name_table(network), parameters, names);
  Renamed renamed{.style = canonical.style, .tensors = {}, .sources = {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!canonical.names[i]) continue;
    const SourceTensor& tensor = content.tensors[i];
    renamed.tensors.push_back(
        {std::move(*canonical.names[i]), std::move(names[i]), {tensor.dtype, tensor.shape}});
    renamed.sources.push_back(&tensor);
  }
  return renamed;
}

}  // namespace

std::uint64_t written_bytes(const std::filesystem::path& output) {
  std::error_code no_size;
  const std::uintmax_t bytes = std::filesystem::file_size(output, no_size);
  return no_size ? 0 : bytes;
}

Conversion convert(const std::filesystem::path& input, const std::filesystem::path& output,
                   const ConversionOptions& options) {
  ModelFacts facts{.network = &require_network(options.network),
                   .options = options.network_options,
                   .source = options.source,
                   .source_sha256 = {},
                   .labels = {}};
  if (options.labels) facts.labels = read_labels(*options.labels, facts.options.num_classes);
  const OpenedSource source = open_source(input);
  const Digests digests = digests_of(source);
  check_digests(source, digests, options.source_sha256);

  const std::vector<Parameter> wanted = parameters(*facts.network, facts.options);
  const Renamed renamed = rename(source.content, *facts.network, wanted, source.input.name());
  const std::vector<std::size_t> matched = match_parameters(
      wanted, renamed.tensors, source.input.name(),
      fmt::format("{} with {} classes", facts.network->name, facts.options.num_classes));
  if (facts.source.empty()) facts.source = source_of(source.content, digests, renamed.style);
  facts.source_sha256 = digests.input;
  facts.synthetic = says_synthetic(source.content.metadata);
  facts.notes = options.notes;
  carry_over(source.content.metadata, facts);

  std::vector<WeightFileWriter::Entry> entries;
  std::unordered_map<std::string_view, const SourceTensor*> by_name;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool matrix = wanted[i].shape.rank() >= kSmallestMatrixRank;
    entries.push_back(
        {wanted[i].name, matrix ? options.storage : DType::kFloat32, wanted[i].shape});
    by_name.emplace(wanted[i].name, renamed.sources[matched[i]]);
  }
  Conversion result{.source = facts.source,
                    .source_sha256 = facts.source_sha256,
                    .input_bytes = source.input.bytes().size(),
                    .num_tensors = entries.size()};
  WeightFileWriter writer(output, std::move(entries), model_metadata(facts));
  std::vector<std::byte> gathered;
  std::vector<float> wide;
  std::vector<std::uint16_t> narrow;
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const SourceTensor& tensor = *by_name.at(entry.name);
    const auto values = as_float32(tensor.dtype, contiguous(tensor, gathered), wide);
    writer.write(entry.dtype == DType::kFloat16 ? as_float16(entry.name, values, narrow) : values);
  }
  writer.finish();
  result.output_bytes = written_bytes(output);
  return result;
}

const Network& require_network(std::string_view name) {
  if (const Network* network = find_network(name)) return *network;
  fail(ErrorCode::kUsage, "{}", unknown_network(name));
}

std::vector<std::string> read_labels(const std::filesystem::path& path, int num_classes) {
  const MappedFile file = MappedFile::open(path);
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  CHECK_AS(kBadInput, is_utf8(text), "{}: labels are not in UTF-8", file.name());
  std::vector<std::string> labels;
  while (!text.empty()) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
  CHECK_AS(kBadInput, labels.size() == static_cast<std::size_t>(num_classes),
           "{}: {} labels, expected {}", file.name(), labels.size(), num_classes);
  return labels;
}

}  // namespace nestor
