#pragma once
// A cell of the grid made ready to run.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/bench/grid.h"
#include "apps/bench/row.h"
#include "apps/common/session_options.h"
#include "engine/model.h"
#include "graphs/zoo.h"
#include "nestor/image.h"
#include "nestor/nestor.h"

namespace nestor::bench {

// A model and what its weights say of it.
struct BenchModel {
  std::vector<std::byte> made_up;  // the weight file, if it is none on disk; the model reads it
  ModelInfo info;
  std::shared_ptr<const Model> model;
};

// Models of all cells, each opened once for each device.
class Models {
 public:
  // Throws what opening it throws.
  const BenchModel& open(const Cell& cell);

 private:
  std::map<std::pair<std::string, std::string>, BenchModel>
      models_;  // by weights or network, device
};

// The cell's, else that of the model's preprocessing or, for detectors and segmenters, the network's
// own.
Size size_of(const Cell& cell, const BenchModel& opened);

struct WorkloadOptions {
  int streams = 1;
  bool transfers = false;
  bool deterministic = false;
  MemoryLimits memory = {};
  std::string tuning;               // as DeviceOptions has it
  std::vector<std::string> photos;  // files; none: noise
};

class Workload {
 public:
  // Plans, packs the weights and runs each stream once. Throws Error if the network cannot run so:
  // in that precision, of that size, on a device that is only described.
  Workload(const Cell& cell, const WorkloadOptions& options, const BenchModel& opened);

  // With all but the samples.
  Row row();
  Streams streams();
  Session& session() { return sessions_.front(); }
  TensorView input() const;
  const Plan& plan();

  // Replaces the noise by float32 values of a file. Throws kBadInput if it holds too few.
  void read_values(const std::string& file);

 private:
  void make_noise();
  void read_photos(const std::vector<std::string>& photos, Preprocess preprocess);

  RowKey key_;
  std::shared_ptr<const Model> model_;
  TensorDesc desc_;
  std::vector<float> noise_;
  std::vector<std::uint8_t> images_;  // [n, h, w, 3]
  std::vector<Session> sessions_;     // one a stream
  double first_answer_ms_ = 0;
};

}  // namespace nestor::bench
