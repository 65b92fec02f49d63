// JPEG by libjpeg-turbo: accurate integer DCT and smooth chroma upsampling, its defaults, which
// MXNet and Pillow share. Where they differ (4:4:0, CMYK) the convention decides.
//
// libjpeg reports errors by a callback that must not return. Ours jumps (its C frames cannot be
// unwound) into one of the step functions below, which own nothing that has a destructor.

#include <cstdio>
// After cstdio, which it needs.
#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"
#include "engine/image/internal/jpeg_440.h"

namespace nestor::image {

namespace {

// Encoders use a dozen; each scan of a hostile progressive file costs a pass over the whole
// picture.
constexpr int kMaxScans = 100;

// Some cameras pad the data before the end marker.
constexpr int kMaxPaddingBytes = 64;

// Arithmetic codes take as good as nothing for a block like those before it: in theory a byte is
// enough for millions of pixels. No picture with anything in it comes near this.
constexpr std::uint64_t kArithmeticPixelsPerByte = 1 << 16;

class JpegReader {
 public:
  explicit JpegReader(const Source& source) : lenient_(source.options.lenient) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = &JpegReader::on_error;
    errors_.emit_message = &JpegReader::on_message;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = &JpegReader::on_progress;
    info_.client_data = this;
    bytes_ = source.bytes;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  jpeg_decompress_struct& info() { return info_; }
  const char* message() const { return message_; }  // of the error, or of the first warning
  bool warned() const { return message_[0] != 0; }
  // Whether the error is one of the data, of which the rest could be read.
  bool damaged() const { return damaged_; }
  const char* passed_over() const { return passed_over_; }  // what does not matter, "" for nothing
  bool has_seen(int component) const { return (seen_components_ >> component & 1) != 0; }

  // The steps. They return false after an error.
  bool read_header() {
    if (setjmp(on_error_) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()),
                 static_cast<unsigned long>(bytes_.size()));
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool start() {
    if (setjmp(on_error_) != 0) return false;
    jpeg_start_decompress(&info_);
    return true;
  }

  bool read_row(JSAMPROW row) {
    if (setjmp(on_error_) != 0) return false;
    return jpeg_read_scanlines(&info_, &row, 1) == 1;
  }

  // One row of MCUs of every component.
  bool read_raw(JSAMPIMAGE rows) {
    if (setjmp(on_error_) != 0) return false;
    return jpeg_read_raw_data(&info_, rows,
                              static_cast<JDIMENSION>(info_.max_v_samp_factor * DCTSIZE)) > 0;
  }

  // Reads up to the end marker.
  bool finish() {
    if (setjmp(on_error_) != 0) return false;
    if (jpeg_finish_decompress(&info_) == TRUE) return true;
    std::strcpy(message_, "JPEG data go on after the whole picture");
    return false;
  }

 private:
  static JpegReader& self(j_common_ptr info) {
    return *static_cast<JpegReader*>(info->client_data);
  }

  [[noreturn]] static void on_error(j_common_ptr info) {
    JpegReader& reader = self(info);
    info->err->format_message(info, reader.message_);
    std::longjmp(reader.on_error_, 1);
  }

  // Warnings have level -1. Those about the data mean that pixels are made up.
  static void on_message(j_common_ptr info, int level) {
    if (level >= 0 || is_harmless(*info->err)) return;
    JpegReader& reader = self(info);
    if (info->err->msg_code == JWRN_EXTRANEOUS_DATA && reader.pass_over(info->err->msg_parm.i[0])) {
      return;
    }
    reader.damaged_ = true;
    if (!reader.lenient_) on_error(info);
    if (!reader.warned()) info->err->format_message(info, reader.message_);
  }

  // Stray bytes between the markers of the header, as webcams write them, and padding of one value
  // do not matter. Other bytes after the data mean that decoding lost its way.
  bool pass_over(int num_bytes) {
    const bool in_header = info_.input_scan_number == 0;
    if (!in_header && !is_padding(num_bytes)) return false;
    if (passed_over_[0] == 0) {
      std::snprintf(passed_over_, sizeof passed_over_, "%d stray bytes %s passed over", num_bytes,
                    in_header ? "in the JPEG header" : "after JPEG data");
    }
    return true;
  }

  // Whether the bytes before the marker just found are all equal.
  bool is_padding(int num_bytes) const {
    const auto* const end = reinterpret_cast<const std::byte*>(info_.src->next_input_byte);
    const auto before = static_cast<std::size_t>(end - bytes_.data());
    const auto count = static_cast<std::size_t>(num_bytes);
    if (before > bytes_.size() || count > before) return false;
    // The first of them may still have been data.
    const auto skipped = bytes_.subspan(before - count, count);
    return std::all_of(skipped.begin() + 1, skipped.end(),
                       [&](std::byte value) { return value == skipped.back(); });
  }

  // Of what surrounds the picture: application markers, and padding before the end marker.
  static bool is_harmless(const jpeg_error_mgr& errors) {
    switch (errors.msg_code) {
      case JWRN_ADOBE_XFORM:
      case JWRN_BOGUS_ICC:
      case JWRN_JFIF_MAJOR: return true;
      case JWRN_EXTRANEOUS_DATA:
        return errors.msg_parm.i[1] == JPEG_EOI && errors.msg_parm.i[0] <= kMaxPaddingBytes;
      default: return false;
    }
  }

  static void on_progress(j_common_ptr info) {
    JpegReader& reader = self(info);
    const jpeg_decompress_struct& file = reader.info_;
    for (int i = 0; i < file.comps_in_scan && file.Ss == 0; ++i) {
      reader.seen_components_ |= 1U << file.cur_comp_info[i]->component_index;
    }
    if (file.input_scan_number <= kMaxScans) return;
    std::strcpy(reader.message_, "JPEG file with more than 100 scans");
    std::longjmp(reader.on_error_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf on_error_;
  std::span<const std::byte> bytes_;
  bool lenient_;
  bool damaged_ = false;
  char passed_over_[64] = {};
  unsigned seen_components_ = 0;  // bit c: a scan with the DC coefficients of component c was begun
  char message_[JMSG_LENGTH_MAX] = {};
};

static_assert(kMaxScans == 100, "the message of on_progress names it");

void require(bool done, const Source& source, const JpegReader& reader) {
  CHECK_AS(kBadInput, done, "{}: {}{}", source.name, reader.message(),
           reader.damaged() ? kLenientHint : "");
}

std::span<const jpeg_component_info> components(const jpeg_decompress_struct& info) {
  return {info.comp_info, static_cast<std::size_t>(info.num_components)};
}

// Full-height luma and at least one half-height chroma component: what libjpeg-turbo's versions
// upsample differently.
bool is_440(const jpeg_decompress_struct& info) {
  if (info.num_components != 3 || info.jpeg_color_space != JCS_YCbCr) return false;
  bool any_half = false;
  for (const jpeg_component_info& component : components(info)) {
    const bool half = component.v_samp_factor * 2 == info.max_v_samp_factor;
    if (component.h_samp_factor != info.max_h_samp_factor) return false;
    if (!half && component.v_samp_factor != info.max_v_samp_factor) return false;
    any_half = any_half || half;
  }
  return any_half;
}

// Every block of 8 x 8 pixels takes at least one Huffman-coded bit.
std::uint64_t pixels_per_byte(const jpeg_decompress_struct& info) {
  return info.arith_code == TRUE ? kArithmeticPixelsPerByte : 8 * DCTSIZE2;
}

// What libjpeg holds, besides some rows: all coefficients (of two bytes) of a file of several scans.
// And the planes of a 4:4:0 file, which are at most three bytes a pixel.
CheckedSize working_bytes(const Source& source, jpeg_decompress_struct& info) {
  constexpr std::uint64_t kRowBytes = 256;  // a pixel of width
  const CheckedSize pixels = CheckedSize(info.image_width) * info.image_height;
  CheckedSize bytes = CheckedSize(info.image_width) * kRowBytes;
  if (is_440(info) && source.options.convention == DecoderConvention::kMxnet) bytes += pixels * 3;
  if (!jpeg_has_multiple_scans(&info)) return bytes;
  for (const jpeg_component_info& component : components(info)) {
    const auto rounded_up = [](JDIMENSION blocks, int factor) {
      const auto unit = static_cast<JDIMENSION>(factor);
      return (blocks + unit - 1) / unit * unit;
    };
    bytes += CheckedSize(rounded_up(component.width_in_blocks, component.h_samp_factor)) *
             rounded_up(component.height_in_blocks, component.v_samp_factor) * sizeof(JBLOCK);
  }
  return bytes;
}

int orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (const auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const unsigned char> data(marker->data, marker->data_length);
    if (data.size() < kExif.size() || std::memcmp(data.data(), kExif.data(), kExif.size()) != 0) {
      continue;
    }
    return exif_orientation(data.subspan(kExif.size()));
  }
  return 1;
}

// `stored` are libjpeg's CMYK samples, which files hold inverted.
void convert_cmyk(std::span<const std::uint8_t> stored, DecoderConvention convention,
                  std::uint8_t* rgb) {
  for (std::size_t i = 0; i < stored.size(); i += 4) {
    const int k = stored[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int value = stored[i + c];
      *rgb++ = static_cast<std::uint8_t>(convention == DecoderConvention::kMxnet
                                             ? k - (((255 - value) * k) >> 8)
                                             : (value * k * 2 + 255) / 510);
    }
  }
}

void read_rows(const Source& source, JpegReader& reader, Image& image) {
  jpeg_decompress_struct& info = reader.info();
  const bool cmyk = info.num_components == 4;
  const auto width = static_cast<std::size_t>(image.width);
  std::vector<std::uint8_t> cmyk_row(cmyk ? width * 4 : 0);
  info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  require(reader.start(), source, reader);
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* const row = image.rgb.data() + static_cast<std::size_t>(y) * width * 3;
    require(reader.read_row(cmyk ? cmyk_row.data() : row), source, reader);
    if (cmyk) convert_cmyk(cmyk_row, source.options.convention, row);
  }
}

void read_440(const Source& source, JpegReader& reader, Image& image) {
  jpeg_decompress_struct& info = reader.info();
  info.raw_data_out = TRUE;
  info.out_color_space = JCS_YCbCr;
  require(reader.start(), source, reader);

  std::array<JpegPlane, 3> planes;
  std::array<std::vector<JSAMPROW>, 3> rows;
  for (std::size_t c = 0; c < 3; ++c) {
    const jpeg_component_info& component = info.comp_info[c];
    const std::size_t stride = std::size_t{component.width_in_blocks} * DCTSIZE;
    const std::size_t num_rows = std::size_t{info.total_iMCU_rows} *
                                 static_cast<std::size_t>(component.v_samp_factor) * DCTSIZE;
    planes[c] = {.samples = std::vector<std::uint8_t>(stride * num_rows),
                 .stride = static_cast<int>(stride),
                 .num_rows = static_cast<int>(component.downsampled_height),
                 .half_height = component.v_samp_factor != info.max_v_samp_factor};
    for (std::size_t i = 0; i < num_rows; ++i) {
      rows[c].push_back(planes[c].samples.data() + i * stride);
    }
  }
  for (JDIMENSION mcu_row = 0; mcu_row < info.total_iMCU_rows; ++mcu_row) {
    std::array<JSAMPARRAY, 3> first_rows;
    for (std::size_t c = 0; c < 3; ++c) {
      first_rows[c] = rows[c].data() +
                      mcu_row * static_cast<JDIMENSION>(info.comp_info[c].v_samp_factor * DCTSIZE);
    }
    require(reader.read_raw(first_rows.data()), source, reader);
  }
  convert_440(planes, image);
}

// A file of several scans of which none is about some component is not whole, whatever libjpeg
// thinks.
void check_scans(const Source& source, DecodedImage& decoded, JpegReader& reader) {
  jpeg_decompress_struct& info = reader.info();
  if (!jpeg_has_multiple_scans(&info)) return;
  for (int c = 0; c < info.num_components; ++c) {
    if (reader.has_seen(c)) continue;
    refuse_unless_lenient(source, decoded, fmt::format("JPEG file without component {}", c));
  }
}

}  // namespace

DecodedImage decode_jpeg(const Source& source) {
  JpegReader reader(source);
  require(reader.read_header(), source, reader);
  jpeg_decompress_struct& info = reader.info();
  DecodedImage decoded{.image = allocate(source, info.image_width, info.image_height,
                                         pixels_per_byte(info), working_bytes(source, info)),
                       .format = "jpeg",
                       .orientation = orientation(info)};
  if (source.options.convention == DecoderConvention::kMxnet && is_440(info)) {
    read_440(source, reader, decoded.image);
  } else {
    read_rows(source, reader, decoded.image);
  }
  check_scans(source, decoded, reader);
  if (!reader.finish() || reader.warned()) {
    refuse_unless_lenient(source, decoded, reader.message());
  }
  if (reader.passed_over()[0] != 0) {
    decoded.warnings.push_back(fmt::format("{}: {}", source.name, reader.passed_over()));
  }
  return decoded;
}

}  // namespace nestor::image
