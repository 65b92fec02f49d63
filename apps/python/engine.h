#pragma once
// A model and its session, for Python.

#include <nanobind/nanobind.h>

#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/python/arrays.h"
#include "nestor/nestor.h"

namespace nestor::python {

struct EngineOptions {
  std::string network;
  std::string device;
  std::optional<std::string> precision;
  int threads = 0;
  bool deterministic = false;
  std::string tuning;
  std::uint64_t host_memory_limit = 0;
  std::uint64_t device_memory_limit = 0;
  DetectionLimits detection = {};
};

// By the model's task.
using Runner = std::variant<Classifier, Detector, Segmenter>;

// Thread-safe: calls wait for each other, without the GIL. Answers are Python objects of their own,
// valid whatever runs next.
class Engine {
 public:
  Engine(const nanobind::str& path, const EngineOptions& options);

  const ModelInfo& info() const { return model_.info; }
  std::int64_t num_features() const { return nestor::num_features(model_); }
  std::string device() const { return device_name(*model_.model); }
  std::string why_no_gpu() const { return nestor::why_no_gpu(*model_.model); }
  std::string precision() const;
  int threads() const { return session().threads(); }
  std::vector<std::string> taps() const { return tap_names(*model_.model); }
  std::vector<std::string> warnings() const;

  // What answers.h has of each image. They throw kUnsupported for a model of another task.
  nanobind::list classify(const nanobind::list& images, int k, const Batching& batching);
  nanobind::tuple embed(const nanobind::list& images, const Batching& batching);
  nanobind::list detect(const nanobind::list& images, const Batching& batching);
  nanobind::list segment(const nanobind::list& images, const Batching& batching);

  // Normalised images, float32 [n, 3, h, w]; they must have the same size.
  nanobind::object preprocess(const nanobind::list& images) const;

  // The outputs of Session::run by their names.
  nanobind::dict run(const InputArray& input, const std::vector<std::string>& taps);

  // Session::enqueue: `outputs` has arrays in device memory by the names of the tensors.
  void enqueue(const InputArray& input, const nanobind::dict& outputs, std::uintptr_t stream);

  std::string plan(const std::vector<std::int64_t>& shape, const std::string& dtype);

 private:
  Session& session();
  const Session& session() const;

  template <class T>
  T& require(Task task);

  // What the function returns, called without the GIL and while no other call uses the session.
  template <class Work>
  auto alone(const Work& work) {
    const nanobind::gil_scoped_release released;
    const std::lock_guard lock(mutex_);
    return work();
  }

  LoadedModel model_;
  Runner runner_;
  std::mutex mutex_;
};

}  // namespace nestor::python
