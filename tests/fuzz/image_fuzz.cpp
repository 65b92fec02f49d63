// The image decoder on arbitrary bytes. The first byte chooses the options, the rest is the file.
// What is decoded is resized too.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "nestor/error.h"
#include "nestor/preprocess.h"
#include "tests/fuzz/written.h"

namespace {

constexpr std::int64_t kMaxPixels = 1 << 16;
constexpr std::uint64_t kDecodeBytes = 64 << 20;  // whatever the machine has

void use(const nestor::DecodedImage& decoded, nestor::PreprocessContract contract) {
  const nestor::Image& image = decoded.image;
  const auto num_pixels =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  if (num_pixels > kMaxPixels || image.rgb.size() != num_pixels * 3) std::abort();
  if (decoded.orientation < 1 || decoded.orientation > 8) std::abort();
  nestor::fuzz::check_written(image.rgb.data(), image.rgb.size());
  nestor::resize_and_crop(image, {.contract = contract, .crop_size = 8});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool pillow = (data[0] & 1) != 0, lenient = (data[0] & 2) != 0;
  const nestor::DecodeOptions options{
      .convention = pillow ? nestor::DecoderConvention::kPillow : nestor::DecoderConvention::kMxnet,
      .max_pixels = kMaxPixels,
      .lenient = lenient,
      .memory = std::make_shared<nestor::DecodeMemory>(kDecodeBytes)};
  const auto file = std::as_bytes(std::span(data, size)).subspan(1);
  try {
    use(nestor::decode_image(file, "fuzz", options),
        pillow ? nestor::PreprocessContract::kTimm : nestor::PreprocessContract::kGluoncv);
  } catch (const nestor::Error& error) {
    if (error.code() != nestor::ErrorCode::kBadInput) std::abort();
  }
  return 0;
}
