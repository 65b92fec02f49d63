// nestor-eval: measures how right models are.

#include "apps/common/command.h"
#include "apps/evaluation/commands.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Measure how right a model's answers are.\n\n"
      "  nestor-eval coco --predictions found.json --annotations instances_val2017.json\n"
      "  nestor-eval ade20k --predictions maps/ --labels annotations/validation/\n",
      "nestor-eval");
  app.require_subcommand(1);
  nestor::Work work;
  nestor::add_coco_command(app, work);
  nestor::add_voc_command(app, work);
  nestor::add_ade20k_command(app, work);
  return nestor::run_command(app, argc, argv, [&] { return work(); });
}
