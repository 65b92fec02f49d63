#include "apps/common/image_options.h"

#include <fmt/core.h>

#include "apps/common/inputs.h"
#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Images";

}  // namespace

void add_image_options(CLI::App& app, ImageOptions& options) {
  app.add_option(
         "images,--input,--input-pic", options.images,
         "Image files, folders, quoted globs (with * or ?), @FILE (one path per line), or - for "
         "standard input")
      ->type_name("IMAGE")
      ->group(kGroup);
  app.add_flag_callback(
         "--no-recursive", [&] { options.recursive = false; },
         "Leave out folders below those that are named")
      ->group(kGroup);
  app.add_option_function<std::string>(
         "--shard", [&](const std::string& text) { options.shard = parse_shard(text); },
         "Do every N-th image only, from the I-th on: N processes with I from 1 to N do them all")
      ->type_name("I/N")
      ->group(kGroup);
  add_decode_options(app, options.preprocess);
}

std::vector<std::string> named_images(std::string_view command, const ImageOptions& options) {
  CHECK_AS(kUsage, !options.images.empty(), "no images: name files, folders or quoted globs");
  Inputs inputs = expand_inputs(options.images, options.recursive);
  for (const std::string& note : inputs.notes) {
    fmt::print(stderr, "{}: {}\n", command, printable(note));
  }
  return names_of(options.shard, std::move(inputs.names));
}

}  // namespace nestor
