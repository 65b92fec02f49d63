#include "apps/common/model_command.h"

#include <string>
#include <string_view>
#include <vector>

#include "apps/common/command.h"
#include "apps/common/environment.h"
#include "weights_convert/pretrained/selection.h"

namespace nestor {

int run_model_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work) {
  const std::vector<std::string_view> given(argv, argv + argc);
  std::vector<std::string> arguments = join_pretrained_value(given);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return run_command(app, static_cast<int>(pointers.size()), pointers.data(), work,
                     joined({kDeviceEnvironment, kCacheEnvironment, kWeightsEnvironment}));
}

}  // namespace nestor
