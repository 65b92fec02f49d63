#include "weights_convert/convert.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "engine/check.h"
#include "engine/digest.h"
#include "engine/printable_text.h"
#include "engine/weights/float32.h"
#include "weights_convert/detector_constants.h"
#include "weights_convert/fitting.h"
#include "weights_convert/float16.h"
#include "weights_convert/metadata.h"
#include "weights_convert/official_files.h"
#include "weights_convert/rename/glob.h"

namespace nestor {

namespace {

constexpr std::size_t kSmallestMatrixRank = 2;
constexpr std::size_t kMostTensors = 65'536;
constexpr std::size_t kMostListed = 3;

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

std::string source_of(const SourceFile& content, const OfficialFile* official, NamingStyle style) {
  if (official != nullptr) return official->source;
  if (std::optional<std::string> own = known_source(content.metadata)) return *own;
  return style == NamingStyle::kTorch ? "timm" : "gluoncv";
}

std::string first_of(std::span<const std::string> names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostListed); ++i) {
    text += (i == 0 ? "" : ", ") + shortened(names[i]);
  }
  return names.size() > kMostListed ? text + ", ..." : text;
}

// One conversion, step by step; each step adds to the facts or the remarks.
class Converter {
 public:
  Converter(const std::filesystem::path& input, const ConversionOptions& options)
      : options_(options),
        source_(open_source(input, reading(options))),
        file_(source_.input.name()),
        digests_(digests_of(source_)) {
    check_digests(source_, digests_, options.source_sha256);
    official_ = find_official_file(digests_.payload, options.source);
    choose_tensors();
    choose_network();
    choose_classes();
    match();
    choose_facts();
    choose_preprocess();
  }

  Conversion write(const std::filesystem::path& output) const;

 private:
  static ReadOptions reading(const ConversionOptions& options) {
    ReadOptions reading = options.reading;
    if (reading.explains) return reading;
    const Network* const network =
        options.network.empty() ? nullptr : &require_network(options.network);
    reading.explains = [network, known = std::shared_ptr<KnownNames>()](
                           std::span<const std::string> names) mutable {
      if (!known) known = std::make_shared<KnownNames>(network);
      return known->explain(names);
    };
    return reading;
  }

  void choose_tensors();
  void take_constants();
  void choose_network();
  void choose_classes();
  void match();
  void choose_facts();
  void choose_preprocess();

  template <class... Args>
  void remark(fmt::format_string<Args...> format, Args&&... args) {
    remarks_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  const ConversionOptions& options_;
  const OpenedSource source_;
  const std::string& file_;
  const Digests digests_;
  const OfficialFile* official_ = nullptr;
  SourceTensors tensors_;
  std::optional<Normalisation> constants_;
  ModelFacts facts_;
  std::vector<Parameter> wanted_;
  Renamed renamed_;
  std::vector<std::size_t> matched_;
  std::vector<std::string> remarks_;
};

void Converter::choose_tensors() {
  const std::vector<SourceTensor>& all = source_.content.tensors;
  CHECK_AS(kBadModel, all.size() <= kMostTensors, "{}: {} tensors, no network has more than {}",
           file_, all.size(), kMostTensors);
  std::vector<bool> used(options_.ignore.size(), false);
  for (const SourceTensor& tensor : all) {
    CHECK_AS(kBadModel, tensor.name, "{}: its tensors have no names, which conversion needs",
             file_);
    bool ignored = false;
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (!matches_glob(options_.ignore[i], *tensor.name)) continue;
      used[i] = ignored = true;
    }
    if (!ignored) tensors_.push_back(&tensor);
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) remark("--ignore {}: no tensor has such a name", options_.ignore[i]);
  }
  take_constants();
}

// export_block puts a block before the network that subtracts and divides; its constants are for
// levels from 0 to 255.
void Converter::take_constants() {
  const auto find = [this](std::string_view end) {
    return std::ranges::find_if(tensors_, [end](const SourceTensor* tensor) {
      return tensor->name->ends_with(end) && tensor->dtype == DType::kFloat32 &&
             tensor->shape.num_elements() == 3;
    });
  };
  const auto mean = find("init_mean"), std = find("init_scale");
  if (mean == tensors_.end() || std == tensors_.end()) return;
  const auto values = [](const SourceTensor& tensor) {
    std::vector<std::byte> scratch;
    std::array<float, 3> levels{};
    std::memcpy(levels.data(), contiguous(tensor, scratch).data(), sizeof(levels));
    for (float& level : levels) level /= 255;
    return levels;
  };
  constants_ = {values(**mean), values(**std)};
  std::erase_if(tensors_, [a = *mean, b = *std](const SourceTensor* tensor) {
    return tensor == a || tensor == b;
  });
}

void Converter::choose_network() {
  if (!options_.network.empty()) {
    facts_.network = &require_network(options_.network);
    return;
  }
  const std::string_view own = metadata_value(source_.content.metadata, kMetaNetwork);
  if (official_ != nullptr) {
    facts_.network = find_network(official_->network);
    CHECK_AS(kUnsupported, facts_.network != nullptr,
             "{}: {} by its hash, and this version of Nestor does not have the network {}", file_,
             official_->name, official_->network);
  } else if (!own.empty() && find_network(own) != nullptr) {
    facts_.network = find_network(own);
  } else {
    const std::vector<NetworkFit> fits = fitting_networks(tensors_);
    CHECK_AS(
        kBadModel, !fits.empty(),
        "{}: its {} tensors are those of no network that Nestor has; --network NAME shows what "
        "is missing",
        file_, tensors_.size());
    CHECK_AS(kUsage, fits.size() == 1, "{}: its tensors fit {} and {}: --network chooses one",
             file_, fits[0].network->name, fits[1].network->name);
    facts_.network = fits[0].network;
    facts_.options.num_classes = fits[0].num_classes;
  }
  remark("network {}", facts_.network->name);
}

void Converter::choose_classes() {
  if (options_.labels) facts_.labels = read_labels(*options_.labels);
  const auto known = known_classes(source_.content.metadata, *facts_.network);
  const bool told_by_tensors = options_.network.empty() && official_ == nullptr && !known;
  int& count = facts_.options.num_classes;
  if (options_.num_classes == kClassesOfFile) {
    wanted_ = parameters(*facts_.network, {num_classes(*facts_.network)});
    const auto found = classes_of(wanted_, rename(tensors_, *facts_.network, wanted_).tensors);
    count = found.value_or(num_classes(*facts_.network));
  } else if (options_.num_classes) {
    count = *options_.num_classes;
  } else if (!facts_.labels.empty()) {
    count = static_cast<int>(facts_.labels.size());
  } else if (known) {
    count = *known;
  } else if (!source_.content.labels.empty()) {
    count = static_cast<int>(source_.content.labels.size());
  } else if (!told_by_tensors) {
    count = num_classes(*facts_.network);
  }
  CHECK_AS(kBadInput, !options_.labels || facts_.labels.size() == static_cast<std::size_t>(count),
           "{}: {} labels, expected {}", options_.labels.value_or("").string(),
           facts_.labels.size(), count);
}

void Converter::match() {
  const Network& network = *facts_.network;
  wanted_ = parameters(network, facts_.options);
  renamed_ = rename(tensors_, network, wanted_);
  if (task(network) == Task::kDetection) check_detector_constants(tensors_, file_);
  const std::size_t num_parameters = wanted_.size();
  wanted_ = without_absent(std::move(wanted_), renamed_.tensors);
  const CanonicalNames& canonical = renamed_.canonical;
  CHECK_AS(kBadModel, canonical.rivals.empty(),
           "{}: weights of {} under {} and under {}: --ignore '{}*' leaves the latter out", file_,
           network.name, quoted_name(canonical.prefix), quoted_name(canonical.rivals.front()),
           canonical.rivals.front());
  const std::optional<int> classes = classes_of(wanted_, renamed_.tensors);
  CHECK_AS(kBadModel, !classes || *classes == facts_.options.num_classes,
           "{}: weights of {} with {} classes, expected {}: add --num-classes {}", file_,
           network.name, classes.value_or(0), facts_.options.num_classes, classes.value_or(0));
  if (!classes) {
    for (const NetworkFit& fit : fitting_networks(tensors_)) {
      CHECK_AS(kBadModel, fit.network == &network, "{}: weights of {} with {} classes, not of {}",
               file_, fit.network->name, fit.num_classes, network.name);
    }
  }
  matched_ =
      match_parameters(wanted_, renamed_.tensors, file_,
                       fmt::format("{} with {} classes", network.name, facts_.options.num_classes),
                       source_.content.objects);
  if (wanted_.size() < num_parameters) {
    remark("without the {} tensors of the auxiliary head, which only training uses",
           num_parameters - wanted_.size());
  }
  const bool torch = canonical.style != NamingStyle::kLegacy;
  if (torch && !canonical.prefix.empty()) {
    remark("{} before the names of all its tensors is left out", quoted_name(canonical.prefix));
  }
  if (!canonical.outside.empty()) {
    remark("{} tensors that do not belong to the network are left out: {}",
           canonical.outside.size(), first_of(canonical.outside));
  }
}

void Converter::choose_facts() {
  const SourceFile& content = source_.content;
  facts_.source = options_.source.empty() ? source_of(content, official_, renamed_.canonical.style)
                                          : options_.source;
  facts_.source_sha256 = digests_.input;
  facts_.synthetic = says_synthetic(content.metadata);
  facts_.notes = options_.notes;
  facts_.preprocess = options_.preprocess;
  carry_over(content.metadata, facts_);
  const auto num_classes = static_cast<std::size_t>(facts_.options.num_classes);
  if (facts_.labels.empty() && content.labels.size() == num_classes) {
    facts_.labels = content.labels;
    remark("{} labels from the checkpoint", facts_.labels.size());
  }
}

void Converter::choose_preprocess() {
  if (!facts_.preprocess && official_ != nullptr && official_->source == facts_.source) {
    facts_.preprocess = official_->preprocess;
  }
  if (!facts_.preprocess) {
    facts_.preprocess = evaluation_preprocess(*facts_.network, facts_.source);
  }
  if (constants_) {
    const auto near = [](const std::array<float, 3>& a, const std::array<float, 3>& b) {
      return std::ranges::equal(a, b, [](float x, float y) { return std::abs(x - y) < 1e-5F; });
    };
    Normalisation& own = facts_.preprocess->normalisation;
    if (!near(constants_->mean, own.mean) || !near(constants_->std, own.std)) {
      PreprocessChanges{.mean = constants_->mean, .std = constants_->std}.apply(*facts_.preprocess);
      remark("mean and std are those of the file's own preprocessing block");
    }
  }
  options_.changes.apply(*facts_.preprocess);
}

Conversion Converter::write(const std::filesystem::path& output) const {
  std::vector<WeightFileWriter::Entry> entries;
  std::unordered_map<std::string_view, const SourceTensor*> by_name;
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const bool matrix = wanted_[i].shape.rank() >= kSmallestMatrixRank;
    entries.push_back(
        {wanted_[i].name, matrix ? options_.storage : DType::kFloat32, wanted_[i].shape});
    by_name.emplace(wanted_[i].name, renamed_.sources[matched_[i]]);
  }
  Conversion result{.source = facts_.source,
                    .source_sha256 = facts_.source_sha256,
                    .input_bytes = source_.input.bytes().size(),
                    .num_tensors = entries.size(),
                    .network = std::string(facts_.network->name),
                    .num_classes = facts_.options.num_classes,
                    .remarks = remarks_};
  WeightFileWriter writer(output, std::move(entries), model_metadata(facts_));
  std::vector<std::byte> gathered;
  std::vector<float> wide, fixed;
  std::vector<std::uint16_t> narrow;
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const SourceTensor& tensor = *by_name.at(entry.name);
    const auto given = as_float32(tensor.dtype, contiguous(tensor, gathered), wide);
    fixed.resize(given.size() / sizeof(float));
    const bool is_fixed = fill_fixed_gamma(*facts_.network, entry.name, fixed);
    const auto values = is_fixed ? std::as_bytes(std::span(fixed)) : given;
    writer.write(entry.dtype == DType::kFloat16 ? as_float16(entry.name, values, narrow) : values);
  }
  writer.finish();
  result.output_bytes = written_bytes(output);
  return result;
}

}  // namespace

void PreprocessChanges::apply(Preprocess& preprocess) const {
  if (crop_size) preprocess.crop_size = *crop_size;
  if (crop_ratio) preprocess.crop_ratio = *crop_ratio;
  if (interpolation) preprocess.interpolation = *interpolation;
  if (mean) preprocess.normalisation.mean = *mean;
  if (std) preprocess.normalisation.std = *std;
  const auto finite = [](float x) { return std::isfinite(x); };
  CHECK_AS(kUsage,
           preprocess.crop_size >= kSmallestInputSide && preprocess.crop_size <= kMaxCropSize,
           "an input of {} pixels a side, expected {} to {}", preprocess.crop_size,
           kSmallestInputSide, kMaxCropSize);
  CHECK_AS(kUsage, preprocess.crop_ratio >= kMinCropRatio && preprocess.crop_ratio <= 1,
           "a crop of {} of the short side, expected {} to 1", preprocess.crop_ratio,
           kMinCropRatio);
  CHECK_AS(kUsage,
           std::ranges::all_of(preprocess.normalisation.mean, finite) &&
               std::ranges::all_of(preprocess.normalisation.std,
                                   [&](float x) { return finite(x) && x > 0; }),
           "mean and std must be finite numbers, std above 0");
}

Conversion convert(const std::filesystem::path& input, const std::filesystem::path& output,
                   const ConversionOptions& options) {
  return Converter(input, options).write(output);
}

std::uint64_t written_bytes(const std::filesystem::path& output) {
  std::error_code no_size;
  const std::uintmax_t bytes = std::filesystem::file_size(output, no_size);
  return no_size ? 0 : bytes;
}

const Network& require_network(std::string_view name) {
  if (const Network* network = find_network(network_called(name))) return *network;
  fail(ErrorCode::kUsage, "{}", unknown_network(name));
}

}  // namespace nestor
