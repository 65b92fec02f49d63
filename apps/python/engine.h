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
};

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

  // An image each: a list of (class_id, label, probability), or the nestor.Error that it met.
  nanobind::list classify(const nanobind::list& images, int k, std::size_t batch_size);

  // float32 [n, num_features()], and for each image None or its nestor.Error, whose row is zero.
  nanobind::tuple embed(const nanobind::list& images, std::size_t batch_size);

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
  Classifier& classifier();

  LoadedModel model_;
  std::variant<Session, Classifier> runner_;
  std::mutex mutex_;
};

}  // namespace nestor::python
