#pragma once
// Nestor: inference for the ResNeSt family.
//
//   nestor::Classifier classifier(nestor::load_model("resnest50.safetensors"));
//   const nestor::Image photo = nestor::read_image("cat.jpg", classifier.info());
//   for (const nestor::Prediction& p : classifier.classify(photo))
//     std::cout << p.label << ' ' << p.probability << '\n';
//
// A Model is immutable and shared by any number of threads; a Session (and a Classifier, which has
// one) belongs to one thread. Errors are thrown as nestor::Error, whose code() says whose fault it
// was; after any but kDeviceLost the object that threw works on. Nothing here prints, aborts or
// exits.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/image/decode.h"
#include "engine/image/preprocess.h"
#include "engine/model.h"
#include "engine/session.h"
#include "engine/tensor.h"
#include "engine/version.h"

namespace nestor {

// What a weight file says of itself.
struct ModelInfo {
  std::string network;  // "resnest50"
  int num_classes = 0;
  std::string source;               // "gluoncv", "timm", "resnest", "synthetic"
  bool synthetic = false;           // made-up weights: every answer is meaningless
  std::vector<std::string> labels;  // one a class; empty where the file has none for its classes
  Preprocess preprocess;            // how the weights' source prepares images
};

struct LoadOptions {
  std::string device = "auto";  // "auto", "cpu", "cuda", "cuda:1"
  std::string network;          // where given, the file must be of this network
};

struct LoadedModel {
  ModelInfo info;
  std::shared_ptr<const Model> model;
};

// Opens a weight file that nestor-convert wrote. Throws kBadInput where it cannot be read,
// kBadModel where it is not sound, lacks weights or is of another network, kUnsupported for the
// device.
LoadedModel load_model(const std::filesystem::path& weights, const LoadOptions& options = {});

// What the file says, without its weights being looked at.
ModelInfo read_model_info(const WeightFile& weights);

// How that framework prepares images for the network of `info`, with the size, mean and std that
// its weights were trained with.
Preprocess preprocess_for(const ModelInfo& info, PreprocessContract contract);

// Reads and decodes an image file, as the model's preprocessing contract demands. Throws kBadInput.
Image read_image(const std::filesystem::path& path, const ModelInfo& info);

struct Prediction {
  int class_id = -1;
  std::string label;  // empty where the model has none
  float probability = 0;
};

// The k most probable classes after softmax, in descending order; of equal logits the lower class
// first. Throws kBadModel where a logit is not a finite number: such weights have no answer.
std::vector<Prediction> top_k(std::span<const float> logits, const std::vector<std::string>& labels,
                              int k);

// One thread's means to classify images. Not thread-safe.
class Classifier {
 public:
  // Of the options, `normalisation` is the model's.
  explicit Classifier(LoadedModel model, SessionOptions options = {});

  const ModelInfo& info() const { return model_.info; }
  Session& session() { return session_; }
  const Session& session() const { return session_; }

  // Prepares the images as info().preprocess says and runs them as one batch: one list a picture.
  std::vector<std::vector<Prediction>> classify(std::span<const Image> images, int k = 5);
  std::vector<Prediction> classify(const Image& image, int k = 5);

 private:
  LoadedModel model_;
  Session session_;
  std::vector<std::uint8_t> input_;  // [image][row][column][3]
};

}  // namespace nestor
