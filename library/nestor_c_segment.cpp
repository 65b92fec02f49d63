// The C interface of segmenters.

#include <vector>

#include "engine/check.h"
#include "library/c_calls.h"
#include "library/c_images.h"
#include "library/c_session.h"
#include "library/c_structs.h"
#include "library/prepare_image.h"
#include "nestor/nestor_c.h"
#include "nestor/segmenter.h"

// Sizes in the first version of the interface: they never change, whatever the structs become.
constexpr std::size_t kClassMapBytes = 24;
constexpr std::size_t kMultiScaleBytes = 40;
static_assert(sizeof(nestor_class_map) == kClassMapBytes);
static_assert(sizeof(nestor_multi_scale) == kMultiScaleBytes);

namespace {

using nestor::need;

void check_maps(const nestor_class_map* maps, std::int32_t num_images) {
  if (num_images == 0) return;
  need(maps != nullptr, "maps");
  nestor::check_size<nestor_class_map>(maps->size, kClassMapBytes, "a class map");
}

// Class maps stay with the session, which the caller's structs point into.
void write_maps(const nestor_session& session, nestor_class_map* maps) {
  for (std::size_t i = 0; i < session.segmented.size(); ++i) {
    const nestor::ClassMap& map = session.segmented[i].map;
    nestor_class_map value = NESTOR_CLASS_MAP_INIT;
    value.width = map.width;
    value.height = map.height;
    if (!map.classes.empty()) value.classes = map.classes.data();
    nestor::write_struct(nestor::struct_at(maps, maps->size, i), value, maps->size);
  }
}

nestor::MultiScaleOptions options_of(const nestor_multi_scale* given) {
  if (given == nullptr) return {};
  const auto known = nestor::read_struct(*given, kMultiScaleBytes, "multi-scale options");
  need(known.num_scales >= 0 && (known.scales != nullptr || known.num_scales == 0), "scales");
  CHECK_AS(kUsage, known.batch_size > 0, "batches of {} windows, expected at least 1",
           known.batch_size);
  nestor::MultiScaleOptions options{.flip = known.flip != 0,
                                    .base_size = known.base_size,
                                    .crop_size = known.crop_size,
                                    .batch_size = static_cast<std::size_t>(known.batch_size)};
  if (known.num_scales > 0) options.scales = {known.scales, known.scales + known.num_scales};
  return options;
}

// Decoded, in its own size.
nestor::Image pixels_of(const nestor::ImageSource& source, const nestor::ModelInfo& info) {
  return nestor::prepare_image(source, 0, info.preprocess, nestor::DecodeOptions{}.max_pixels)
      .image;
}

}  // namespace

nestor_status nestor_segment(nestor_session* session, const nestor_image* images,
                             int32_t num_images, nestor_class_map* maps,
                             nestor_image_result* results) {
  return nestor::guarded([&] {
    need(session != nullptr, "session");
    check_maps(maps, num_images);
    nestor::check_results(results, num_images);
    auto& segmenter = session->as<nestor::Segmenter>("nestor_segment");
    const nestor::Images given = nestor::images_of(images, num_images);
    session->begin_call();
    session->segmented = segmenter.segment_each(given.sources, session->batching);
    write_maps(*session, maps);
    return nestor::report(*session, session->segmented, results);
  });
}

nestor_status nestor_segment_multi_scale(nestor_session* session, const nestor_image* image,
                                         const nestor_multi_scale* options, nestor_class_map* map) {
  return nestor::guarded([&] {
    need(session != nullptr, "session");
    check_maps(map, 1);
    auto& segmenter = session->as<nestor::Segmenter>("nestor_segment_multi_scale");
    const nestor::MultiScaleOptions wanted = options_of(options);
    const nestor::Images given = nestor::images_of(image, 1);
    session->begin_call();
    const nestor::Image pixels = pixels_of(given.sources[0], segmenter.info());
    session->segmented.push_back(
        {.map = segmenter.segment_multi_scale(pixels, wanted), .error = {}});
    write_maps(*session, map);
  });
}
