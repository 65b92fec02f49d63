// The first frame of a GIF file on its canvas, as Pillow shows it: if there is no frame the
// canvas has the colour of the transparent index, if there is one, else that of index 0; and
// transparent pixels have the colour that the palette gives them. (MXNet's OpenCV reads no GIF.)

#include <algorithm>
#include <limits>
#include <optional>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/byte_reader.h"
#include "engine/image/internal/gif_codes.h"
#include "engine/image/internal/palette.h"

namespace nestor::image {

namespace {

// A code of 12 bits can stand for 4095 pixels.
constexpr std::uint64_t kPixelsPerByte = 4096;
constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();

struct Frame {
  unsigned x = 0, y = 0, width = 0, height = 0;
  bool interlaced = false;
  unsigned min_bits = 0;
  std::span<const unsigned char> data;  // from the length of the first block on
};

struct File {
  unsigned canvas_width = 0, canvas_height = 0;
  Palette palette = grey_ramp();  // the frame's, or that of the file
  std::optional<unsigned> transparent;
  Frame frame;
};

bool has_palette(unsigned flags) { return (flags & 0x80) != 0; }

Palette read_palette(ByteReader& reader, unsigned flags) {
  const std::size_t count = std::size_t{2} << (flags & 7);
  const auto bytes = reader.take(3 * count);
  Palette palette{};
  for (std::size_t i = 0; i < count; ++i) std::copy_n(bytes.data() + 3 * i, 3, palette[i].begin());
  return is_grey_ramp(palette, count) ? grey_ramp() : palette;
}

void skip_blocks(ByteReader& reader) {
  while (const unsigned length = reader.byte()) reader.skip(length);
}

void read_extension(ByteReader& reader, File& file) {
  constexpr unsigned kGraphicControl = 0xF9;
  if (reader.byte() != kGraphicControl) return skip_blocks(reader);
  const unsigned length = reader.byte();
  const auto block = reader.take(length);
  if (length >= 4 && (block[0] & 1) != 0) file.transparent = block[3];
  if (length > 0) skip_blocks(reader);
}

void read_frame(ByteReader& reader, File& file) {
  Frame& frame = file.frame;
  frame.x = reader.word();
  frame.y = reader.word();
  frame.width = reader.word();
  frame.height = reader.word();
  const unsigned flags = reader.byte();
  frame.interlaced = (flags & 0x40) != 0;
  if (has_palette(flags)) file.palette = read_palette(reader, flags);
  frame.min_bits = reader.byte();
  frame.data = reader.take(reader.num_left());
}

File read_file(const Source& source) {
  ByteReader reader(source, "gif");
  reader.skip(6);  // signature
  File file;
  file.canvas_width = reader.word();
  file.canvas_height = reader.word();
  const unsigned flags = reader.byte();
  reader.skip(2);  // background, aspect ratio
  if (has_palette(flags)) file.palette = read_palette(reader, flags);
  while (true) {
    const unsigned block = reader.byte();
    if (block == ',') break;
    CHECK_AS(kBadInput, block != ';', "{}: a gif file without a picture", source.name);
    if (block == '!') read_extension(reader, file);  // else a stray byte, which Pillow skips too
  }
  read_frame(reader, file);
  return file;
}

// The pixels of the frame in the order of the codes.
class FramePixels {
 public:
  FramePixels(const File& file, Image& image)
      : frame_(file.frame), palette_(file.palette), image_(image) {
    step_ = frame_.interlaced ? 8 : 1;
  }

  // Returns false after the last pixel.
  bool put(unsigned index) {
    const std::size_t at =
        (std::size_t{frame_.y + y_} * static_cast<std::size_t>(image_.width) + frame_.x + x_) * 3;
    std::ranges::copy(palette_[index], image_.rgb.begin() + static_cast<std::ptrdiff_t>(at));
    if (++x_ < frame_.width) return true;
    x_ = 0;
    y_ += step_;
    while (y_ >= frame_.height && next_pass()) {
    }
    return y_ < frame_.height;
  }

 private:
  // Rows 0, 8, 16, ..., then 4, 12, ..., then 2, 6, ..., then 1, 3, ...
  bool next_pass() {
    constexpr unsigned kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
    if (!frame_.interlaced || pass_ == 3) return false;
    ++pass_;
    y_ = kFirst[pass_];
    step_ = kStep[pass_];
    return true;
  }

  const Frame& frame_;
  const Palette& palette_;
  Image& image_;
  unsigned x_ = 0, y_ = 0, step_ = 1, pass_ = 0;
};

}  // namespace

DecodedImage decode_gif(const Source& source) {
  const File file = read_file(source);
  const Frame& frame = file.frame;
  CHECK_AS(kBadInput, frame.width > 0 && frame.height > 0,
           "{}: a gif frame of {} x {} pixels: nothing to decode", source.name, frame.width,
           frame.height);
  const CheckedSize frame_pixels = CheckedSize(frame.width) * frame.height;
  CHECK_AS(kBadInput,
           source.options.lenient || frame_pixels.value() / kPixelsPerByte <= frame.data.size(),
           "{}: the file ends early: {} bytes cannot hold {} x {} pixels", source.name,
           frame.data.size(), frame.width, frame.height);
  DecodedImage decoded{
      .image = allocate(source, std::max(file.canvas_width, frame.x + frame.width),
                        std::max(file.canvas_height, frame.y + frame.height), kUnbounded),
      .format = "gif"};
  const Colour& background = file.palette[file.transparent.value_or(0)];
  for (auto pixel = decoded.image.rgb.begin(); pixel != decoded.image.rgb.end(); pixel += 3) {
    std::ranges::copy(background, pixel);
  }
  FramePixels pixels(file, decoded.image);
  const auto put = [&](unsigned index) { return pixels.put(index); };
  if (!decode_gif_codes(frame.data, frame.min_bits, put)) {
    refuse_unless_lenient(source, decoded, "the data of the gif file's first frame end early");
  }
  return decoded;
}

}  // namespace nestor::image
