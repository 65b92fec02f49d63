// nestor-convert: weight files of other frameworks to Nestor's own.

#include <fmt/core.h>

#include "apps/common/command.h"
#include "graphs/zoo.h"

namespace {

using namespace nestor;

void list_networks() {
  fmt::print("{:26} {:>5} {:>6} {:>13} {:>8}\n", "network", "input", "crop", "parameters", "GMAC");
  for (const Network& network : networks()) {
    const int size = network.evaluation.input_size;
    std::int64_t count = 0;
    for (const Parameter& parameter : parameters(network, {})) {
      const bool statistic =
          parameter.name.ends_with("running_mean") || parameter.name.ends_with("running_var");
      if (!statistic) count += parameter.shape.num_elements();
    }
    fmt::print("{:26} {:5} {:6.3f} {:13} {:8.3f}\n", network.name, size,
               network.evaluation.crop_ratio, count,
               static_cast<double>(multiply_adds(network, size, size)) / 1e9);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Converts weight files of GluonCV and PyTorch to Nestor's format.",
               "nestor-convert");
  bool list = false;
  app.add_flag("--list", list, "List the networks with input size, crop ratio, parameters, GMAC");
  return run_command(app, argc, argv, [&] {
    if (list) list_networks();
    return 0;
  });
}
