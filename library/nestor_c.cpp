#include "nestor/nestor_c.h"

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "engine/check.h"
#include "engine/weights/weight_file.h"
#include "library/last_error.h"
#include "nestor/nestor.h"

struct nestor_model {
  nestor::LoadedModel loaded;
};

struct nestor_session {
  // The labels that predictions point to live here, whatever becomes of the nestor_model.
  explicit nestor_session(nestor::LoadedModel model, nestor::SessionOptions options)
      : labels(model.info.labels), classifier(std::move(model), options) {}

  const char* label(int class_id) const {
    const auto idx = static_cast<std::size_t>(class_id);
    return idx < labels.size() ? labels[idx].c_str() : "";
  }

  std::vector<std::string> labels;
  nestor::Classifier classifier;
  std::span<const nestor::Session::Output> outputs;
};

namespace {

using nestor::ErrorCode;

nestor_status to_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal: return NESTOR_INTERNAL;
    case ErrorCode::kUsage: return NESTOR_USAGE;
    case ErrorCode::kBadInput: return NESTOR_BAD_INPUT;
    case ErrorCode::kBadModel: return NESTOR_BAD_MODEL;
    case ErrorCode::kUnsupported: return NESTOR_UNSUPPORTED;
    case ErrorCode::kOutOfMemory: return NESTOR_OUT_OF_MEMORY;
    case ErrorCode::kDeviceLost: return NESTOR_DEVICE_LOST;
  }
  return NESTOR_INTERNAL;
}

nestor_status failure(nestor_status status, const char* message) noexcept {
  nestor::set_last_error(message);
  return status;
}

// Runs `work`; whatever it throws becomes a status and a message.
template <class Work>
nestor_status guarded(const Work& work) noexcept {
  try {
    work();
    return NESTOR_OK;
  } catch (const nestor::Error& error) {
    return failure(to_status(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return failure(NESTOR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return failure(NESTOR_INTERNAL, error.what());
  } catch (...) {
    return failure(NESTOR_INTERNAL, "unknown exception");
  }
}

void need(bool given, const char* what) {
  CHECK_AS(kUsage, given, "{} must not be NULL or negative", what);
}

void classify(nestor_session& session, const nestor::Image& image, nestor_prediction* predictions,
              int32_t* count) {
  session.outputs = {};
  const std::vector<nestor::Prediction> top = session.classifier.classify(image, *count);
  *count = static_cast<int32_t>(top.size());
  for (std::size_t i = 0; i < top.size(); ++i) {
    predictions[i] = {top[i].class_id, top[i].probability, session.label(top[i].class_id)};
  }
}

void check_run(const nestor_session* session, const float* input, const int64_t* shape,
               const char* const* taps, int32_t num_taps) {
  need(session != nullptr, "session");
  need(input != nullptr, "input");
  need(shape != nullptr, "shape");
  need(num_taps >= 0 && (taps != nullptr || num_taps == 0), "taps");
  for (int32_t i = 0; i < num_taps; ++i) need(taps[i] != nullptr, "a tap's name");
}

std::vector<std::string> tap_names(const char* const* taps, int32_t num_taps) {
  return {taps, taps + num_taps};
}

nestor::TensorView view_of(const float* input, const int64_t* shape) {
  return {{nestor::DType::kFloat32, {shape[0], shape[1], shape[2], shape[3]}}, input};
}

void check_room(const nestor_prediction* predictions, const int32_t* count) {
  need(count != nullptr && *count >= 0, "count");
  need(predictions != nullptr || *count == 0, "predictions");
}

}  // namespace

const char* nestor_version(void) {
  static const std::string version = nestor::version_info().version;
  return version.c_str();
}

const char* nestor_status_name(nestor_status status) {
  for (const ErrorCode code :
       {ErrorCode::kInternal, ErrorCode::kUsage, ErrorCode::kBadInput, ErrorCode::kBadModel,
        ErrorCode::kUnsupported, ErrorCode::kOutOfMemory, ErrorCode::kDeviceLost}) {
    if (to_status(code) == status) return nestor::to_string(code);
  }
  return status == NESTOR_OK ? "ok" : "unknown";
}

const char* nestor_last_error(void) { return nestor::last_error(); }

nestor_status nestor_model_load(const char* weights, const char* device, nestor_model** model) {
  return guarded([&] {
    need(model != nullptr, "model");
    *model = nullptr;
    need(weights != nullptr, "weights");
    nestor::LoadOptions options;
    if (device != nullptr) options.device = device;
    *model = new nestor_model{nestor::load_model(weights, options)};
  });
}

void nestor_model_free(nestor_model* model) { delete model; }

const char* nestor_model_network(const nestor_model* model) {
  return model->loaded.info.network.c_str();
}

int32_t nestor_model_num_classes(const nestor_model* model) {
  return model->loaded.info.num_classes;
}

int32_t nestor_model_is_synthetic(const nestor_model* model) {
  return model->loaded.info.synthetic ? 1 : 0;
}

const char* nestor_model_label(const nestor_model* model, int32_t class_id) {
  if (class_id < 0 || class_id >= model->loaded.info.num_classes) return nullptr;
  const auto idx = static_cast<std::size_t>(class_id);
  const std::vector<std::string>& labels = model->loaded.info.labels;
  return idx < labels.size() ? labels[idx].c_str() : "";
}

int32_t nestor_model_input_size(const nestor_model* model) {
  return model->loaded.info.preprocess.crop_size;
}

nestor_status nestor_session_create(const nestor_model* model, const char* precision,
                                    int32_t threads, nestor_session** session) {
  nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
  options.precision = precision;
  options.threads = threads;
  return nestor_session_create_with(model, &options, session);
}

nestor_status nestor_session_create_with(const nestor_model* model,
                                         const nestor_session_options* options,
                                         nestor_session** session) {
  return guarded([&] {
    need(session != nullptr, "session");
    *session = nullptr;
    need(model != nullptr, "model");
    need(options != nullptr, "options");
    CHECK_AS(kUsage, options->size == sizeof *options,
             "session options of {} bytes, expected {}: begin with NESTOR_SESSION_OPTIONS_INIT",
             options->size, sizeof *options);
    nestor::SessionOptions made{.threads = options->threads,
                                .deterministic = options->deterministic != 0};
    if (options->precision != nullptr) {
      made.precision = nestor::parse_precision(options->precision);
    }
    if (options->tuning != nullptr) made.tuning = options->tuning;
    *session = new nestor_session(model->loaded, made);
  });
}

const char* nestor_session_warning(const nestor_session* session) {
  const std::span<const std::string> warnings = session->classifier.session().warnings();
  return warnings.empty() ? nullptr : warnings.back().c_str();
}

void nestor_session_free(nestor_session* session) { delete session; }

nestor_status nestor_classify_file(nestor_session* session, const char* path,
                                   nestor_prediction* predictions, int32_t* count) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(path != nullptr, "path");
    check_room(predictions, count);
    classify(*session, nestor::read_image(path, session->classifier.info()), predictions, count);
  });
}

nestor_status nestor_classify_rgb(nestor_session* session, const uint8_t* rgb, int32_t width,
                                  int32_t height, nestor_prediction* predictions, int32_t* count) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(rgb != nullptr, "rgb");
    CHECK_AS(kBadInput, width > 0 && height > 0, "an image of {} x {} pixels", width, height);
    check_room(predictions, count);
    const auto bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
    const nestor::Image image{width, height, {rgb, rgb + bytes}};
    classify(*session, image, predictions, count);
  });
}

nestor_status nestor_session_run(nestor_session* session, const float* input,
                                 const int64_t shape[4], const char* const* taps,
                                 int32_t num_taps) {
  return guarded([&] {
    check_run(session, input, shape, taps, num_taps);
    session->outputs = {};
    const std::vector<std::string> names = tap_names(taps, num_taps);
    session->outputs = session->classifier.session().run(view_of(input, shape), names);
  });
}

nestor_status nestor_session_submit(nestor_session* session, const float* input,
                                    const int64_t shape[4], const char* const* taps,
                                    int32_t num_taps) {
  return guarded([&] {
    check_run(session, input, shape, taps, num_taps);
    session->outputs = {};
    const std::vector<std::string> names = tap_names(taps, num_taps);
    session->classifier.session().submit(view_of(input, shape), names);
  });
}

nestor_status nestor_session_collect(nestor_session* session) {
  return guarded([&] {
    need(session != nullptr, "session");
    session->outputs = {};
    session->outputs = session->classifier.session().collect();
  });
}

int32_t nestor_session_num_slots(const nestor_session* session) {
  return static_cast<int32_t>(session->classifier.session().num_slots());
}

int32_t nestor_session_num_pending(const nestor_session* session) {
  return static_cast<int32_t>(session->classifier.session().num_pending());
}

nestor_status nestor_session_enqueue(nestor_session* session, const float* device_input,
                                     const int64_t shape[4], const char* const* taps,
                                     int32_t num_taps, const nestor_device_buffer* outputs,
                                     int32_t num_outputs, void* stream) {
  return guarded([&] {
    check_run(session, device_input, shape, taps, num_taps);
    need(num_outputs >= 0 && (outputs != nullptr || num_outputs == 0), "outputs");
    session->outputs = {};
    const std::vector<std::string> names = tap_names(taps, num_taps);
    std::vector<nestor::Session::DeviceBuffer> buffers;
    for (int32_t i = 0; i < num_outputs; ++i)
      buffers.push_back({outputs[i].data, outputs[i].bytes});
    session->classifier.session().enqueue(view_of(device_input, shape), buffers, stream, names);
  });
}

int32_t nestor_session_num_outputs(const nestor_session* session) {
  return static_cast<int32_t>(session->outputs.size());
}

nestor_status nestor_session_output(const nestor_session* session, int32_t idx,
                                    nestor_tensor* output) {
  return guarded([&] {
    need(session != nullptr, "session");
    need(output != nullptr, "output");
    CHECK_AS(kUsage, idx >= 0 && static_cast<std::size_t>(idx) < session->outputs.size(),
             "output {} of {}", idx, session->outputs.size());
    const nestor::Session::Output& wanted = session->outputs[static_cast<std::size_t>(idx)];
    const std::span<const std::int64_t> dims = wanted.tensor.desc.shape.dims();
    *output = {
        wanted.name.c_str(), wanted.tensor.as<float>(), static_cast<int32_t>(dims.size()), {}};
    std::ranges::copy(dims, output->shape);
  });
}
