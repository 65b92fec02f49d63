// classify_cpp MODEL IMAGE: the most probable classes, and the mean of a tensor on the way.

#include <nestor/nestor.h>

#include <exception>
#include <iostream>
#include <numeric>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    nestor::Classifier classifier(nestor::load_model(argv[1]), {.threads = 1});
    const nestor::Image photo = nestor::read_image(argv[2], classifier.info());
    for (const nestor::Prediction& p : classifier.classify(photo, 3)) {
      std::cout << p.class_id << ' ' << p.probability << ' ' << p.label << '\n';
    }

    const nestor::Shape shape{1, 3, 64, 64};
    const std::vector<float> input(static_cast<std::size_t>(shape.num_elements()), 0.25F);
    const std::vector<std::string> taps{"layer1"};
    const auto outputs =
        classifier.session().run({{nestor::DType::kFloat32, shape}, input.data()}, taps);
    std::cout << outputs[1].name << ' ' << outputs[1].tensor.desc.shape.to_string() << '\n';
  } catch (const nestor::Error& error) {
    std::cerr << nestor::to_string(error.code()) << ": " << error.what() << '\n';
    return nestor::exit_code(error.code());
  }
  return 0;
}
