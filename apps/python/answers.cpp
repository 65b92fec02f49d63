#include "apps/python/answers.h"

#include <algorithm>

#include "apps/python/arrays.h"
#include "apps/python/text.h"

namespace nestor::python {

namespace nb = nanobind;

namespace {

OwnedTensor joined(const std::vector<Embedded>& images, std::int64_t num_features) {
  OwnedTensor rows({DType::kFloat32, {std::ssize(images), num_features}});
  auto* row = rows.as<float>();
  for (const Embedded& image : images) {
    if (image.error) {
      std::fill_n(row, num_features, 0.0F);
    } else {
      std::ranges::copy(image.features, row);
    }
    row += num_features;
  }
  return rows;
}

}  // namespace

nb::object answer(const Classified& image) {
  if (image.error) return to_python(*image.error);
  nb::list list;
  for (const Prediction& p : image.predictions) {
    list.append(nb::make_tuple(p.class_id, to_python(p.label), p.probability));
  }
  return list;
}

nb::object answer(const Detected& image) {
  if (image.error) return to_python(*image.error);
  const std::int64_t n = std::ssize(image.objects);
  OwnedTensor boxes({DType::kFloat32, {n, 4}}), scores({DType::kFloat32, {n}});
  OwnedTensor class_ids({DType::kInt32, {n}});
  nb::list labels;
  for (std::size_t idx = 0; idx < image.objects.size(); ++idx) {
    const DetectedObject& object = image.objects[idx];
    std::ranges::copy(object.box, boxes.as<float>() + 4 * idx);
    scores.as<float>()[idx] = object.score;
    class_ids.as<std::int32_t>()[idx] = object.class_id;
    labels.append(to_python(object.label));
  }
  return nb::make_tuple(to_numpy(std::move(boxes)), to_numpy(std::move(scores)),
                        to_numpy(std::move(class_ids)), labels);
}

nb::object answer(const Segmented& image) {
  if (image.error) return to_python(*image.error);
  OwnedTensor classes({DType::kUInt8, {image.map.height, image.map.width}});
  std::ranges::copy(image.map.classes, classes.as<std::uint8_t>());
  return to_numpy(std::move(classes));
}

nb::tuple answer(const std::vector<Embedded>& images, std::int64_t num_features) {
  nb::list errors;
  for (const Embedded& image : images) {
    errors.append(image.error ? to_python(*image.error) : nb::none());
  }
  return nb::make_tuple(to_numpy(joined(images, num_features)), errors);
}

}  // namespace nestor::python
