// The module nestor._nestor: the engine as apps/python/nestor uses it.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <exception>

#include "apps/python/engine.h"
#include "apps/python/text.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace nestor;
using python::Engine;

nb::list labels(const Engine& engine) {
  nb::list list;
  for (const std::string& label : engine.info().labels) list.append(python::to_python(label));
  return list;
}

nb::dict preprocessing(const Engine& engine) {
  const Preprocess& preprocess = engine.info().preprocess;
  const auto [r, g, b] = preprocess.normalisation.mean;
  const auto [std_r, std_g, std_b] = preprocess.normalisation.std;
  nb::dict dict;
  dict["contract"] = std::string(to_string(preprocess.contract));
  dict["rule"] = std::string(to_string(preprocess.rule));
  dict["crop_size"] = preprocess.crop_size;
  dict["crop_ratio"] = preprocess.crop_ratio;
  dict["short_side"] = preprocess.short_side;
  dict["longest_side"] = preprocess.longest_side;
  dict["interpolation"] = std::string(to_string(preprocess.interpolation));
  dict["mean"] = nb::make_tuple(r, g, b);
  dict["std"] = nb::make_tuple(std_r, std_g, std_b);
  return dict;
}

nb::list networks() {
  nb::list list;
  for (const NetworkInfo& network : list_networks()) {
    nb::dict row;
    row["name"] = network.name;
    row["family"] = network.family;
    row["task"] = std::string(to_string(network.task));
    row["input_size"] = nb::make_tuple(3, network.input_height, network.input_width);
    row["num_classes"] = network.num_classes;
    list.append(row);
  }
  return list;
}

nb::dict version() {
  const VersionInfo info = version_info();
  nb::dict dict;
  dict["version"] = info.version;
  dict["commit"] = info.commit;
  dict["compiler"] = info.compiler;
  dict["onednn"] = info.onednn;
  return dict;
}

void bind_engine(nb::module_& module) {
  nb::class_<Engine>(module, "Engine")
      .def(
          "__init__",
          [](Engine* self, const nb::str& path, const std::string& network,
             const std::string& device, const std::optional<std::string>& precision, int threads,
             bool deterministic, const std::string& tuning, std::uint64_t memory_limit,
             std::uint64_t device_memory_limit, float score_threshold, float nms_threshold,
             int max_detections) {
            new (self) Engine(path, {network,
                                     device,
                                     precision,
                                     threads,
                                     deterministic,
                                     tuning,
                                     memory_limit,
                                     device_memory_limit,
                                     {score_threshold, nms_threshold, max_detections}});
          },
          "path"_a, "network"_a, "device"_a, "precision"_a.none(), "threads"_a, "deterministic"_a,
          "tuning"_a, "memory_limit"_a, "device_memory_limit"_a, "score_threshold"_a,
          "nms_threshold"_a, "max_detections"_a)
      .def("classify", &Engine::classify, "images"_a, "k"_a, "batching"_a)
      .def("embed", &Engine::embed, "images"_a, "batching"_a)
      .def("detect", &Engine::detect, "images"_a, "batching"_a)
      .def("segment", &Engine::segment, "images"_a, "batching"_a)
      .def("preprocess", &Engine::preprocess, "images"_a)
      .def("run", &Engine::run, nb::arg("input").noconvert(), "taps"_a)
      .def("enqueue", &Engine::enqueue, nb::arg("input").noconvert(), "outputs"_a, "stream"_a)
      .def("plan", &Engine::plan, "shape"_a, "dtype"_a)
      .def_prop_ro("network", [](const Engine& e) { return e.info().network; })
      .def_prop_ro("task", [](const Engine& e) { return std::string(to_string(e.info().task)); })
      .def_prop_ro("source", [](const Engine& e) { return e.info().source; })
      .def_prop_ro("synthetic", [](const Engine& e) { return e.info().synthetic; })
      .def_prop_ro("num_classes", [](const Engine& e) { return e.info().num_classes; })
      .def_prop_ro("labels", &labels)
      .def_prop_ro("preprocessing", &preprocessing)
      .def_prop_ro("num_features", &Engine::num_features)
      .def_prop_ro("device", &Engine::device)
      .def_prop_ro("why_no_gpu", &Engine::why_no_gpu)
      .def_prop_ro("precision", &Engine::precision)
      .def_prop_ro("threads", &Engine::threads)
      .def_prop_ro("taps", &Engine::taps)
      .def_prop_ro("warnings", &Engine::warnings);
}

}  // namespace

NB_MODULE(_nestor, module) {
  python::translate_errors();
  nb::class_<Batching>(module, "Batching")
      .def(
          "__init__",
          [](Batching* self, std::size_t batch_size, std::int64_t max_pixels) {
            new (self) Batching{.batch_size = batch_size, .max_pixels = max_pixels};
          },
          "batch_size"_a, "max_pixels"_a);
  bind_engine(module);
  module.def("networks", &networks);
  module.def("version", &version);
}
