// nestor-eval: measures how right models are.

#include "apps/common/model_command.h"
#include "apps/evaluation/commands.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Measure how right a model's answers are.\n\n"
      "  nestor-eval coco --predictions found.json --annotations instances_val2017.json\n"
      "  nestor-eval coco --weights detector.safetensors --images val2017/ \\\n"
      "    --annotations instances_val2017.json --results-file val2017.jsonl --resume\n"
      "  nestor-eval ade20k --predictions maps/ --labels annotations/validation/\n"
      "  nestor-eval imagenet --network resnest50 --pretrained --images val/\n",
      "nestor-eval");
  app.require_subcommand(1);
  nestor::Work work;
  nestor::add_coco_command(app, work);
  nestor::add_voc_command(app, work);
  nestor::add_ade20k_command(app, work);
  nestor::add_imagenet_command(app, work);
  return nestor::run_model_command(app, argc, argv, [&] { return work(); });
}
