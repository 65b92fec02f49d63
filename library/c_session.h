#pragma once
// The session of the C interface.

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/check.h"
#include "nestor/nestor.h"
#include "nestor/nestor_c.h"

namespace nestor {

// What a session does with images, by its model's task.
using Worker = std::variant<Classifier, Detector, Segmenter>;

inline Worker worker_for(const LoadedModel& model, const SessionOptions& options) {
  switch (model.info.task) {
    case Task::kClassification: return Classifier(model, options);
    case Task::kDetection: return Detector(model, options);
    case Task::kSegmentation: return Segmenter(model, options);
  }
  fail(ErrorCode::kInternal, "{} is made for no task", model.info.network);
}

}  // namespace nestor

struct nestor_session {
  nestor_session(const nestor::LoadedModel& model, const nestor::SessionOptions& options,
                 const nestor::Batching& batches)
      : labels(model.info.labels),
        worker(nestor::worker_for(model, options)),
        batching(batches),
        device(session().device()) {}

  nestor::Session& session() {
    return std::visit([](auto& each) -> nestor::Session& { return each.session(); }, worker);
  }
  const nestor::Session& session() const {
    return std::visit([](const auto& each) -> const nestor::Session& { return each.session(); },
                      worker);
  }

  // The worker, if it is that one; throws kUnsupported if the model is made for another task.
  template <class T>
  T& as(std::string_view call) {
    T* const wanted = std::get_if<T>(&worker);
    if (wanted != nullptr) return *wanted;
    const auto& info = std::visit(
        [](const auto& each) -> const auto& { return each.info(); }, worker);
    nestor::fail(nestor::ErrorCode::kUnsupported, "{} by {}, a network for {}", call, info.network,
                 to_string(info.task));
  }

  const char* label(int class_id) const {
    const auto idx = static_cast<std::size_t>(class_id);
    return idx < labels.size() ? labels[idx].c_str() : "";
  }

  // What the last call said is valid until this one.
  void begin_call() {
    outputs = {};
    described.clear();
    messages.clear();
    segmented.clear();
    text.clear();
  }

  std::vector<std::string> labels;  // that predictions point to
  nestor::Worker worker;
  nestor::Batching batching;
  std::string device;
  std::span<const nestor::Session::Output> outputs;
  std::vector<nestor::TensorInfo> described;  // instead of outputs
  std::vector<std::string> messages;          // of images
  std::vector<nestor::Segmented> segmented;   // whose class maps the caller reads
  std::string text;
};
