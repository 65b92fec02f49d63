// classify_cpp MODEL IMAGE: the most probable classes, the shape of a tensor on the way, and the
// same answers by the other ways to ask for them.

#include <nestor/nestor.h>

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

void must(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("not: ") + what);
}

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_each(nestor::Classifier& classifier, const char* path, const nestor::Image& photo,
                const std::vector<nestor::Prediction>& expected) {
  const std::vector<char> bytes = read(path);
  const std::vector<nestor::ImageSource> sources{std::filesystem::path(path),
                                                 std::filesystem::path("/nowhere.jpg"),
                                                 std::as_bytes(std::span(bytes)), &photo};
  const std::vector<nestor::Classified> each =
      classifier.classify_each(sources, 3, {.batch_size = 2, .num_decoders = 2});
  must(each.size() == 4, "one result an image");
  must(each[1].error && each[1].error->code() == nestor::ErrorCode::kBadInput, "a bad image");
  for (const int idx : {0, 2, 3}) {
    const std::vector<nestor::Prediction>& found = each[static_cast<std::size_t>(idx)].predictions;
    must(found.size() == 3 && found[0].class_id == expected[0].class_id &&
             found[0].probability == expected[0].probability,
         "the same answer from a file, bytes and pixels");
  }
  const std::vector<nestor::Embedded> features = classifier.embed_each(sources);
  must(features[1].error && features[1].features.empty(), "no features of a bad image");
  must(features[0].features == classifier.embed(photo), "the same features");
  must(static_cast<std::int64_t>(features[0].features.size()) == classifier.num_features(),
       "num_features");
}

void check_session(nestor::Session& session) {
  const nestor::TensorDesc input{nestor::DType::kFloat32, {2, 3, 64, 64}};
  const std::vector<std::string> taps{"avgpool"};
  must(session.device() == "cpu" && session.precision() == nestor::Precision::kFp32, "on the CPU");
  must(session.inputs().size() == 2, "two forms of input");
  const std::vector<nestor::TensorInfo> outputs = session.outputs(input, taps);
  must(outputs.size() == 2 && outputs[0].name == "logits", "its outputs");
  must(outputs[1].desc.shape == nestor::Shape{2, 2048, 1, 1}, "their shapes");
  must(session.plan_json(input).front() == '{' && !session.plan_text(input).empty(), "its plan");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    int messages = 0;
    nestor::set_log([&](nestor::LogLevel, std::string_view) { ++messages; });
    nestor::Classifier classifier(nestor::load_model(argv[1]), {.threads = 1});
    const nestor::Image photo = nestor::read_image(argv[2], classifier.info());
    const std::vector<nestor::Prediction> top = classifier.classify(photo, 3);
    for (const nestor::Prediction& p : top) {
      std::cout << p.class_id << ' ' << p.probability << ' ' << p.label << '\n';
    }

    const nestor::Shape shape{1, 3, 64, 64};
    const std::vector<float> input(static_cast<std::size_t>(shape.num_elements()), 0.25F);
    const std::vector<std::string> taps{"layer1"};
    const auto outputs =
        classifier.session().run({{nestor::DType::kFloat32, shape}, input.data()}, taps);
    std::cout << outputs[1].name << ' ' << outputs[1].tensor.desc.shape.to_string() << '\n';

    check_each(classifier, argv[2], photo, top);
    check_session(classifier.session());
    must(messages > 0, "a log");
    must(nestor::list_devices().devices.back().name == "cpu", "a CPU");
    nestor::set_log({});
  } catch (const nestor::Error& error) {
    std::cerr << nestor::to_string(error.code()) << ": " << error.what() << '\n';
    return nestor::exit_code(error.code());
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
