#pragma once
// Answers of the library as Python objects.

#include <nanobind/nanobind.h>

#include <vector>

#include "nestor/classifier.h"
#include "nestor/detector.h"
#include "nestor/segmenter.h"

namespace nestor::python {

// A list of (class_id, label, probability), or the nestor.Error that the image met.
nanobind::object answer(const Classified& image);

// (boxes float32 [n, 4], scores float32 [n], class_ids int32 [n], labels), or the nestor.Error.
nanobind::object answer(const Detected& image);

// The class of each pixel, uint8 [height, width], or the nestor.Error.
nanobind::object answer(const Segmented& image);

// float32 [n, num_features], and for each image None or its nestor.Error, whose row is zero.
nanobind::tuple answer(const std::vector<Embedded>& images, std::int64_t num_features);

template <class Result>
nanobind::list answers(const std::vector<Result>& images) {
  nanobind::list list;
  for (const Result& image : images) list.append(answer(image));
  return list;
}

}  // namespace nestor::python
