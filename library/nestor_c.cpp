// The C interface: handles, structs and statuses around the C++ one.

#include "nestor/nestor_c.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "engine/check.h"
#include "library/c_calls.h"
#include "library/c_images.h"
#include "library/c_session.h"
#include "library/c_structs.h"
#include "library/last_error.h"
#include "nestor/nestor.h"

// Sizes in the first version of the interface: they never change, whatever the structs become.
constexpr std::size_t kDeviceBytes = 608;
constexpr std::size_t kPreprocessBytes = 80;
constexpr std::size_t kModelInfoBytes = 64;
constexpr std::size_t kSessionOptionsBytes = 40;
constexpr std::size_t kSessionInfoBytes = 48;
constexpr std::size_t kPredictionBytes = 24;
constexpr std::size_t kDetectionLimitsBytes = 24;
constexpr std::size_t kDetectionBytes = 40;
constexpr std::size_t kTensorBytes = 104;
constexpr std::size_t kDeviceBufferBytes = 24;
static_assert(sizeof(nestor_device) == kDeviceBytes);
static_assert(sizeof(nestor_preprocess) == kPreprocessBytes);
static_assert(sizeof(nestor_model_info) == kModelInfoBytes);
static_assert(sizeof(nestor_session_options) > kSessionOptionsBytes);
static_assert(sizeof(nestor_session_info) == kSessionInfoBytes);
static_assert(sizeof(nestor_prediction) == kPredictionBytes);
static_assert(sizeof(nestor_detection_limits) == kDetectionLimitsBytes);
static_assert(sizeof(nestor_detection) == kDetectionBytes);
static_assert(sizeof(nestor_tensor) == kTensorBytes);
static_assert(sizeof(nestor_device_buffer) == kDeviceBufferBytes);

struct nestor_model {
  nestor::LoadedModel loaded;
  std::string device;
  std::int64_t num_features;
  std::vector<std::string> tensor_names;
};

namespace {

using nestor::check_results;
using nestor::DType;
using nestor::ErrorCode;
using nestor::guarded;
using nestor::Images;
using nestor::images_of;
using nestor::need;
using nestor::report;
using nestor::to_status;

// Fills a struct of the caller's.
template <class T>
void fill(T* target, const T& value, std::size_t first, const char* what) {
  need(target != nullptr, what);
  nestor::check_size<T>(target->size, first, what);
  nestor::write_struct(target, value, target->size);
}

template <std::size_t N>
void copy_text(char (&target)[N], const std::string& text) {
  const std::size_t length = std::min(text.size(), N - 1);
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

// --- tensors ---

struct DTypeRow {
  std::int32_t number;
  DType dtype;
};
constexpr DTypeRow kDTypes[] = {
    {NESTOR_FLOAT32, DType::kFloat32},   {NESTOR_FLOAT16, DType::kFloat16},
    {NESTOR_BFLOAT16, DType::kBFloat16}, {NESTOR_INT32, DType::kInt32},
    {NESTOR_INT64, DType::kInt64},       {NESTOR_UINT8, DType::kUInt8}};

DType dtype_of(std::int32_t number) {
  const auto* const row = std::ranges::find(kDTypes, number, &DTypeRow::number);
  CHECK_AS(kUsage, row != std::end(kDTypes), "{} is no element type", number);
  return row->dtype;
}

std::int32_t number_of(DType dtype) {
  const auto* const row = std::ranges::find(kDTypes, dtype, &DTypeRow::dtype);
  CHECK(row != std::end(kDTypes), "{} has no number", to_string(dtype));
  return row->number;
}

nestor::TensorView view_of(const nestor_tensor* given) {
  need(given != nullptr, "input");
  const auto tensor = nestor::read_struct(*given, kTensorBytes, "a tensor");
  CHECK_AS(kUsage, tensor.rank >= 0 && tensor.rank <= NESTOR_MAX_RANK,
           "a tensor of rank {}, expected at most {}", tensor.rank, NESTOR_MAX_RANK);
  std::vector<std::int64_t> dims(tensor.shape, tensor.shape + tensor.rank);
  return {{dtype_of(tensor.dtype), nestor::Shape(std::move(dims))}, tensor.data};
}

nestor::TensorView data_of(const nestor_tensor* given) {
  const nestor::TensorView view = view_of(given);
  need(view.data != nullptr, "the input's data");
  return view;
}

nestor_tensor tensor_of(const std::string& name, const nestor::TensorDesc& desc) {
  nestor_tensor tensor = NESTOR_TENSOR_INIT;
  const std::span<const std::int64_t> dims = desc.shape.dims();
  CHECK(dims.size() <= NESTOR_MAX_RANK, "{} has rank {}", name, dims.size());
  tensor.name = name.c_str();
  tensor.dtype = number_of(desc.dtype);
  tensor.rank = static_cast<std::int32_t>(dims.size());
  std::ranges::copy(dims, tensor.shape);
  return tensor;
}

std::vector<std::string> tap_names(const char* const* taps, std::int32_t num_taps) {
  need(num_taps >= 0 && (taps != nullptr || num_taps == 0), "taps");
  for (std::int32_t i = 0; i < num_taps; ++i) need(taps[i] != nullptr, "a tap's name");
  return {taps, taps + num_taps};
}

// --- images ---

void write_predictions(const nestor_session& session, const std::vector<nestor::Classified>& done,
                       std::size_t top_k, nestor_prediction* predictions) {
  const std::size_t size = predictions->size;
  for (std::size_t i = 0; i < done.size(); ++i) {
    for (std::size_t rank = 0; rank < top_k; ++rank) {
      nestor_prediction prediction = NESTOR_PREDICTION_INIT;
      prediction.label = "";
      if (rank < done[i].predictions.size()) {
        const nestor::Prediction& found = done[i].predictions[rank];
        prediction.class_id = found.class_id;
        prediction.probability = found.probability;
        prediction.label = session.label(found.class_id);
      }
      nestor::write_struct(nestor::struct_at(predictions, size, i * top_k + rank), prediction,
                           size);
    }
  }
}

// The first `most` of each image; detections beyond the last are none.
void write_detections(const nestor_session& session, const std::vector<nestor::Detected>& done,
                      std::size_t most, nestor_detection* detections) {
  const std::size_t size = detections->size;
  for (std::size_t i = 0; i < done.size(); ++i) {
    for (std::size_t rank = 0; rank < most; ++rank) {
      nestor_detection detection = NESTOR_DETECTION_INIT;
      detection.label = "";
      if (rank < done[i].objects.size()) {
        const nestor::DetectedObject& object = done[i].objects[rank];
        detection.class_id = object.class_id;
        detection.score = object.score;
        detection.x1 = object.box[0];
        detection.y1 = object.box[1];
        detection.x2 = object.box[2];
        detection.y2 = object.box[3];
        detection.label = session.label(object.class_id);
      }
      nestor::write_struct(nestor::struct_at(detections, size, i * most + rank), detection, size);
    }
  }
}

nestor::DetectionLimits limits_of(const nestor_detection_limits* limits) {
  if (limits == nullptr) return {};
  const auto known = nestor::read_struct(*limits, kDetectionLimitsBytes, "detection limits");
  const auto is_share = [](float x) { return x >= 0 && x <= 1; };
  CHECK_AS(kUsage, is_share(known.score_threshold) && is_share(known.nms_threshold),
           "thresholds of {} and {}, expected 0 to 1", known.score_threshold, known.nms_threshold);
  need(known.max_detections >= 0, "max_detections");
  return {.score_threshold = known.score_threshold,
          .nms_threshold = known.nms_threshold,
          .max_detections = known.max_detections == 0 ? -1 : known.max_detections};
}

nestor_device device_of(const nestor::DeviceInfo& info) {
  nestor_device device = NESTOR_DEVICE_INIT;
  device.memory_bytes = info.memory_bytes;
  device.free_bytes = info.free_bytes;
  device.usable = info.why_unusable.empty() ? 1 : 0;
  copy_text(device.name, info.name);
  copy_text(device.description, info.description);
  copy_text(device.architecture, info.architecture);
  copy_text(device.reason, info.why_unusable);
  return device;
}

nestor::SessionOptions options_of(const nestor_session_options& options) {
  nestor::SessionOptions made{.threads = options.threads,
                              .deterministic = options.deterministic != 0};
  if (options.precision != nullptr) made.precision = nestor::parse_precision(options.precision);
  if (options.tuning != nullptr) made.tuning = options.tuning;
  made.host_memory_limit = options.host_memory_limit;
  made.device_memory_limit = options.device_memory_limit;
  if (options.plan_cache_limit != 0) made.plan_cache_limit = options.plan_cache_limit;
  return made;
}

nestor::Batching batching_of(const nestor_session_options& options) {
  CHECK_AS(kUsage, options.batch_size >= 0 && options.num_decoders >= 0,
           "batches of {} images by {} decoders, expected none below 0", options.batch_size,
           options.num_decoders);
  nestor::Batching batching;
  if (options.batch_size > 0) batching.batch_size = static_cast<std::size_t>(options.batch_size);
  if (options.num_decoders > 0) {
    batching.num_decoders = static_cast<std::size_t>(options.num_decoders);
  }
  return batching;
}

// Text that stays valid for ever.
const char* lasting(std::string_view name) { return name.data(); }

}  // namespace

// --- the library ---

const char* nestor_version(void) {
  static const std::string version = nestor::version_info().version;
  return version.c_str();
}

int32_t nestor_api_version(void) { return NESTOR_API_VERSION; }

const char* nestor_status_name(nestor_status status) {
  for (const ErrorCode code :
       {ErrorCode::kInternal, ErrorCode::kUsage, ErrorCode::kBadInput, ErrorCode::kBadModel,
        ErrorCode::kUnsupported, ErrorCode::kOutOfMemory, ErrorCode::kDeviceLost}) {
    if (to_status(code) == status) return nestor::to_string(code);
  }
  return status == NESTOR_OK ? "ok" : "unknown";
}

const char* nestor_last_error(void) { return nestor::last_error(); }

nestor_status nestor_set_log(nestor_log_callback callback, void* user) {
  return guarded([&] {
    if (callback == nullptr) return nestor::set_log({});
    nestor::set_log([callback, user](nestor::LogLevel level, std::string_view message) {
      const std::int32_t number =
          level == nestor::LogLevel::kWarning ? NESTOR_LOG_WARNING : NESTOR_LOG_INFO;
      callback(number, std::string(message).c_str(), user);
    });
  });
}

nestor_status nestor_list_devices(nestor_device* devices, int32_t* count) {
  return guarded([&] {
    need(count != nullptr && *count >= 0, "count");
    const auto room = static_cast<std::size_t>(*count);
    need(devices != nullptr || room == 0, "devices");
    if (room > 0) nestor::check_size<nestor_device>(devices->size, kDeviceBytes, "a device");
    const std::vector<nestor::DeviceInfo> found = nestor::list_devices().devices;
    const std::size_t size = room > 0 ? devices->size : 0;
    for (std::size_t i = 0; i < std::min(room, found.size()); ++i) {
      nestor::write_struct(nestor::struct_at(devices, size, i), device_of(found[i]), size);
    }
    *count = static_cast<std::int32_t>(found.size());
  });
}

nestor_status nestor_why_no_gpu(char* text, size_t bytes) {
  return guarded([&] {
    need(text != nullptr && bytes > 0, "text");
    const std::string why = nestor::list_devices().why_no_gpu;
    const std::size_t length = std::min(why.size(), bytes - 1);
    std::memcpy(text, why.data(), length);
    text[length] = '\0';
  });
}

// --- models ---

nestor_status nestor_model_load(const char* weights, const char* device, nestor_model** model) {
  return nestor_model_load_detector(weights, device, nullptr, model);
}

nestor_status nestor_model_load_detector(const char* weights, const char* device,
                                         const nestor_detection_limits* limits,
                                         nestor_model** model) {
  return guarded([&] {
    need(model != nullptr, "model");
    *model = nullptr;
    need(weights != nullptr, "weights");
    nestor::LoadOptions options;
    options.detection = limits_of(limits);
    if (device != nullptr) options.device = device;
    nestor::LoadedModel loaded = nestor::load_model(weights, options);
    std::string name = nestor::device_name(*loaded.model);
    const std::int64_t num_features = nestor::num_features(loaded);
    std::vector<std::string> names = nestor::tap_names(*loaded.model);
    *model = new nestor_model{std::move(loaded), std::move(name), num_features, std::move(names)};
  });
}

void nestor_model_free(nestor_model* model) { delete model; }

nestor_status nestor_model_preprocess(const nestor_model* model, nestor_preprocess* preprocess) {
  return guarded([&] {
    need(model != nullptr, "model");
    const nestor::Preprocess& given = model->loaded.info.preprocess;
    nestor_preprocess value = NESTOR_PREPROCESS_INIT;
    value.contract = lasting(to_string(given.contract));
    value.rule = lasting(to_string(given.rule));
    value.crop_size = given.crop_size;
    value.short_side = given.short_side;
    value.longest_side = given.longest_side;
    value.crop_ratio = given.crop_ratio;
    value.interpolation = lasting(to_string(given.interpolation));
    std::ranges::copy(given.normalisation.mean, value.mean);
    std::ranges::copy(given.normalisation.std, value.std);
    fill(preprocess, value, kPreprocessBytes, "preprocess");
  });
}

nestor_status nestor_model_get_info(const nestor_model* model, nestor_model_info* info) {
  return guarded([&] {
    need(model != nullptr, "model");
    const nestor::ModelInfo& given = model->loaded.info;
    nestor_model_info value = NESTOR_MODEL_INFO_INIT;
    value.network = given.network.c_str();
    value.task = lasting(to_string(given.task));
    value.source = given.source.c_str();
    value.device = model->device.c_str();
    value.num_classes = given.num_classes;
    value.synthetic = given.synthetic ? 1 : 0;
    value.num_tensors = static_cast<std::int32_t>(model->tensor_names.size());
    value.num_features = model->num_features;
    fill(info, value, kModelInfoBytes, "info");
  });
}

nestor_status nestor_model_label(const nestor_model* model, int32_t class_id, const char** label) {
  return guarded([&] {
    need(model != nullptr, "model");
    need(label != nullptr, "label");
    const nestor::ModelInfo& info = model->loaded.info;
    CHECK_AS(kUsage, class_id >= 0 && class_id < info.num_classes, "class {} of {}", class_id,
             info.num_classes);
    const auto idx = static_cast<std::size_t>(class_id);
    *label = idx < info.labels.size() ? info.labels[idx].c_str() : "";
  });
}

nestor_status nestor_model_tensor_name(const nestor_model* model, int32_t idx, const char** name) {
  return guarded([&] {
    need(model != nullptr, "model");
    need(name != nullptr, "name");
    const std::vector<std::string>& names = model->tensor_names;
    CHECK_AS(kUsage, idx >= 0 && static_cast<std::size_t>(idx) < names.size(), "tensor {} of {}",
             idx, names.size());
    *name = names[static_cast<std::size_t>(idx)].c_str();
  });
}

// --- sessions ---

nestor_status nestor_session_create(const nestor_model* model,
                                    const nestor_session_options* options,
                                    nestor_session** session) {
  return guarded([&] {
    need(session != nullptr, "session");
    *session = nullptr;
    need(model != nullptr, "model");
    nestor_session_options known = NESTOR_SESSION_OPTIONS_INIT;
    if (options != nullptr) {
      known = nestor::read_struct(*options, kSessionOptionsBytes, "session options");
    }
    *session = new nestor_session(model->loaded, options_of(known), batching_of(known));
  });
}

void nestor_session_free(nestor_session* session) { delete session; }

nestor_status nestor_session_get_info(const nestor_session* session, nestor_session_info* info) {
  return guarded([&] {
    need(session != nullptr, "session");
    const nestor::Session& given = session->session();
    const std::span<const std::string> warnings = given.warnings();
    nestor_session_info value = NESTOR_SESSION_INFO_INIT;
    value.device = session->device.c_str();
    value.precision = lasting(to_string(given.precision()));
    value.threads = given.threads();
    value.num_slots = static_cast<std::int32_t>(given.num_slots());
    value.num_pending = static_cast<std::int32_t>(given.num_pending());
    value.warning = warnings.empty() ? nullptr : warnings.back().c_str();
    fill(info, value, kSessionInfoBytes, "info");
  });
}

// --- images to answers ---

nestor_status nestor_classify(nestor_session* session, const nestor_image* images,
                              int32_t num_images, int32_t top_k, nestor_prediction* predictions,
                              nestor_image_result* results) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(top_k >= 0, "top_k");
    const bool wanted = top_k > 0 && num_images > 0;
    need(predictions != nullptr || !wanted, "predictions");
    if (wanted) {
      nestor::check_size<nestor_prediction>(predictions->size, kPredictionBytes, "a prediction");
    }
    check_results(results, num_images);
    auto& classifier = session->as<nestor::Classifier>("nestor_classify");
    const Images given = images_of(images, num_images);
    session->begin_call();
    const std::vector<nestor::Classified> done =
        classifier.classify_each(given.sources, top_k, session->batching);
    if (wanted) write_predictions(*session, done, static_cast<std::size_t>(top_k), predictions);
    return report(*session, done, results);
  });
}

nestor_status nestor_embed(nestor_session* session, const nestor_image* images, int32_t num_images,
                           float* features, size_t num_floats, nestor_image_result* results) {
  return guarded([&] {
    need(session != nullptr, "session");
    check_results(results, num_images);
    const Images given = images_of(images, num_images);
    auto& classifier = session->as<nestor::Classifier>("nestor_embed");
    const auto width = static_cast<std::size_t>(classifier.num_features());
    need(features != nullptr || num_images == 0, "features");
    CHECK_AS(kUsage, num_floats / width >= given.sources.size(),
             "room for {} numbers, expected it for {} features of {} images", num_floats, width,
             num_images);
    session->begin_call();
    const std::vector<nestor::Embedded> done =
        classifier.embed_each(given.sources, session->batching);
    for (std::size_t i = 0; i < done.size(); ++i) {
      float* const row = features + i * width;
      std::ranges::copy(done[i].features, row);
      std::fill(row + done[i].features.size(), row + width, 0.0F);
    }
    return report(*session, done, results);
  });
}

nestor_status nestor_detect(nestor_session* session, const nestor_image* images, int32_t num_images,
                            int32_t max_detections, nestor_detection* detections, int32_t* counts,
                            nestor_image_result* results) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(max_detections >= 0, "max_detections");
    const bool wanted = max_detections > 0 && num_images > 0;
    need(detections != nullptr || !wanted, "detections");
    if (wanted) {
      nestor::check_size<nestor_detection>(detections->size, kDetectionBytes, "a detection");
    }
    check_results(results, num_images);
    auto& detector = session->as<nestor::Detector>("nestor_detect");
    const Images given = images_of(images, num_images);
    session->begin_call();
    const std::vector<nestor::Detected> done =
        detector.detect_each(given.sources, session->batching);
    if (wanted) {
      write_detections(*session, done, static_cast<std::size_t>(max_detections), detections);
    }
    for (std::size_t i = 0; counts != nullptr && i < done.size(); ++i) {
      counts[i] = static_cast<std::int32_t>(done[i].objects.size());
    }
    return report(*session, done, results);
  });
}

// --- tensors ---

nestor_status nestor_session_input(const nestor_session* session, int32_t idx,
                                   nestor_tensor* input) {
  return guarded([&] {
    need(session != nullptr, "session");
    static const std::vector<nestor::TensorInfo> forms = session->session().inputs();
    CHECK_AS(kUsage, idx >= 0 && static_cast<std::size_t>(idx) < forms.size(), "input {} of {}",
             idx, forms.size());
    const nestor::TensorInfo& form = forms[static_cast<std::size_t>(idx)];
    fill(input, tensor_of(form.name, form.desc), kTensorBytes, "input");
  });
}

nestor_status nestor_session_describe(nestor_session* session, const nestor_tensor* input,
                                      const char* const* taps, int32_t num_taps) {
  return guarded([&] {
    need(session != nullptr, "session");
    const nestor::TensorView view = view_of(input);
    const std::vector<std::string> names = tap_names(taps, num_taps);
    session->begin_call();
    session->described = session->session().outputs(view.desc, names);
  });
}

nestor_status nestor_session_run(nestor_session* session, const nestor_tensor* input,
                                 const char* const* taps, int32_t num_taps) {
  return guarded([&] {
    need(session != nullptr, "session");
    const nestor::TensorView view = data_of(input);
    const std::vector<std::string> names = tap_names(taps, num_taps);
    session->begin_call();
    session->outputs = session->session().run(view, names);
  });
}

nestor_status nestor_session_submit(nestor_session* session, const nestor_tensor* input,
                                    const char* const* taps, int32_t num_taps) {
  return guarded([&] {
    need(session != nullptr, "session");
    const nestor::TensorView view = data_of(input);
    const std::vector<std::string> names = tap_names(taps, num_taps);
    session->begin_call();
    session->session().submit(view, names);
  });
}

nestor_status nestor_session_collect(nestor_session* session) {
  return guarded([&] {
    need(session != nullptr, "session");
    session->begin_call();
    session->outputs = session->session().collect();
  });
}

nestor_status nestor_session_enqueue(nestor_session* session, const nestor_tensor* input,
                                     const char* const* taps, int32_t num_taps,
                                     const nestor_device_buffer* outputs, int32_t num_outputs,
                                     void* stream) {
  return guarded([&] {
    need(session != nullptr, "session");
    const nestor::TensorView view = data_of(input);
    const std::vector<std::string> names = tap_names(taps, num_taps);
    need(num_outputs >= 0 && (outputs != nullptr || num_outputs == 0), "outputs");
    std::vector<nestor::Session::DeviceBuffer> buffers;
    for (std::size_t i = 0; i < static_cast<std::size_t>(num_outputs); ++i) {
      const nestor_device_buffer* const at = nestor::struct_at(outputs, outputs->size, i);
      CHECK_AS(kUsage, at->size == outputs->size, "buffer {} of {} bytes after one of {}", i,
               at->size, outputs->size);
      const auto buffer = nestor::read_struct(*at, kDeviceBufferBytes, "a device buffer");
      buffers.push_back({buffer.data, buffer.bytes});
    }
    session->begin_call();
    session->session().enqueue(view, buffers, stream, names);
  });
}

nestor_status nestor_session_num_outputs(const nestor_session* session, int32_t* count) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(count != nullptr, "count");
    *count = static_cast<std::int32_t>(session->outputs.size() + session->described.size());
  });
}

nestor_status nestor_session_output(const nestor_session* session, int32_t idx,
                                    nestor_tensor* output) {
  return guarded([&] {
    need(session != nullptr, "session");
    const auto at = static_cast<std::size_t>(idx);
    const std::size_t count = session->outputs.size() + session->described.size();
    CHECK_AS(kUsage, idx >= 0 && at < count, "output {} of {}", idx, count);
    if (!session->described.empty()) {
      const nestor::TensorInfo& info = session->described[at];
      return fill(output, tensor_of(info.name, info.desc), kTensorBytes, "output");
    }
    const nestor::Session::Output& wanted = session->outputs[at];
    nestor_tensor tensor = tensor_of(wanted.name, wanted.tensor.desc);
    tensor.data = wanted.tensor.data;
    tensor.count = wanted.count;
    fill(output, tensor, kTensorBytes, "output");
  });
}

nestor_status nestor_session_plan(nestor_session* session, const nestor_tensor* input,
                                  const char* format, const char** plan) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(format != nullptr, "format");
    need(plan != nullptr, "plan");
    const std::string_view wanted = format;
    CHECK_AS(kUsage, wanted == "text" || wanted == "json", "a plan as '{}', expected text or json",
             wanted);
    const nestor::TensorDesc desc = view_of(input).desc;
    session->begin_call();
    session->text =
        wanted == "json" ? session->session().plan_json(desc) : session->session().plan_text(desc);
    *plan = session->text.c_str();
  });
}
