#pragma once
// Images that calls of the C interface get, and the result of each.

#include <cstdint>
#include <vector>

#include "library/c_calls.h"
#include "library/c_session.h"
#include "library/c_structs.h"

namespace nestor {

// Owns the pixels of images that are given as such.
struct Images {
  std::vector<Image> pixels;
  std::vector<ImageSource> sources;
};

// Throws kUsage for structs that are none, and images that are not given in exactly one form.
Images images_of(const nestor_image* given, std::int32_t num_images);

// Throws kUsage if results are wanted and their size is none.
void check_results(const nestor_image_result* results, std::int32_t num_images);

// Writes what became of each image, and returns the first failure's status.
template <class Result>
nestor_status report(nestor_session& session, const std::vector<Result>& done,
                     nestor_image_result* results) {
  nestor_status first = NESTOR_OK;
  session.messages.reserve(done.size());
  const std::size_t size = results == nullptr ? 0 : results->size;
  for (std::size_t i = 0; i < done.size(); ++i) {
    const auto& error = done[i].error;
    const nestor_status status = error ? to_status(error->code()) : NESTOR_OK;
    session.messages.emplace_back(error ? error->what() : "");
    if (first == NESTOR_OK && error) first = failure(status, error->what());
    if (results == nullptr) continue;
    const nestor_image_result result{size, status, session.messages.back().c_str()};
    write_struct(struct_at(results, size, i), result, size);
  }
  return first;
}

}  // namespace nestor
