// WebP by libwebp, lossy and lossless; of an animation the first frame, on black where the canvas is
// larger. Transparency is dropped, as Pillow does: the colours are those that the file stores.

#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <limits>
#include <memory>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"

namespace nestor::image {

namespace {

// A lossless picture of one colour takes no data at all but its header.
constexpr std::uint64_t kPixelsPerByte = std::numeric_limits<std::uint64_t>::max();

// Lossless pictures are held as four bytes a pixel, and their transforms and the alpha plane of a
// lossy one are held as well.
constexpr std::uint64_t kWorkingBytes = 6;  // a pixel

struct Deleter {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

// The first frame, which may be cut short in a file that ends early.
class Frame {
 public:
  explicit Frame(WebPDemuxer* demuxer) { found_ = WebPDemuxGetFrame(demuxer, 1, &frame_) != 0; }
  ~Frame() {
    if (found_) WebPDemuxReleaseIterator(&frame_);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  bool found() const { return found_; }
  const WebPIterator* operator->() const { return &frame_; }

 private:
  WebPIterator frame_{};
  bool found_;
};

int orientation(const WebPDemuxer* demuxer) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  WebPChunkIterator chunk{};
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
  std::span<const unsigned char> tiff(chunk.chunk.bytes, chunk.chunk.size);
  // Some writers keep what a JPEG has before it.
  if (tiff.size() >= kExif.size() && std::memcmp(tiff.data(), kExif.data(), kExif.size()) == 0) {
    tiff = tiff.subspan(kExif.size());
  }
  const int orientation = exif_orientation(tiff);
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

// Decodes into the canvas and returns whether all rows came.
bool decode_frame(const Source& source, const Frame& frame, Image& canvas) {
  const std::size_t stride = static_cast<std::size_t>(canvas.width) * 3;
  const std::size_t offset = static_cast<std::size_t>(frame->y_offset) * stride +
                             static_cast<std::size_t>(frame->x_offset) * 3;
  const std::unique_ptr<WebPIDecoder, Deleter> decoder(WebPINewRGB(
      MODE_RGB, canvas.rgb.data() + offset, canvas.rgb.size() - offset, static_cast<int>(stride)));
  CHECK_AS(kOutOfMemory, decoder, "{}: not enough memory to decode it", source.name);
  const VP8StatusCode status =
      WebPIUpdate(decoder.get(), frame->fragment.bytes, frame->fragment.size);
  CHECK_AS(kOutOfMemory, status != VP8_STATUS_OUT_OF_MEMORY, "{}: not enough memory to decode it",
           source.name);
  return status == VP8_STATUS_OK;
}

}  // namespace

DecodedImage decode_webp(const Source& source) {
  const WebPData file{source.data(), source.bytes.size()};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const std::unique_ptr<WebPDemuxer, Deleter> demuxer(WebPDemuxPartial(&file, &state));
  CHECK_AS(kBadInput, demuxer && state != WEBP_DEMUX_PARSE_ERROR,
           "{}: not a webp file that can be read", source.name);
  const Frame frame(demuxer.get());
  CHECK_AS(kBadInput, frame.found(), "{}: the webp file ends early, before its first picture",
           source.name);
  const std::int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const std::int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  CHECK_AS(kBadInput,
           frame->x_offset >= 0 && frame->y_offset >= 0 &&
               frame->width <= width - frame->x_offset && frame->height <= height - frame->y_offset,
           "{}: the webp file's first picture leaves its canvas of {} x {} pixels", source.name,
           width, height);
  DecodedImage decoded{.image = allocate(source, width, height, kPixelsPerByte,
                                         CheckedSize(frame->width) * frame->height * kWorkingBytes),
                       .format = "webp",
                       .orientation = orientation(demuxer.get())};
  if (!decode_frame(source, frame, decoded.image)) {
    refuse_unless_lenient(source, decoded, "the webp file is damaged or ends early");
  }
  return decoded;
}

}  // namespace nestor::image
