#include <algorithm>
#include <tuple>

#include "engine/check.h"
#include "engine/weights/safetensors_header.h"
#include "engine/weights/weight_file.h"

namespace nestor {

WeightFileWriter::WeightFileWriter(const std::filesystem::path& path, std::vector<Entry> entries,
                                   std::map<std::string, std::string, std::less<>> metadata)
    : entries_(std::move(entries)), file_(path) {
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
    return std::tuple(size_bytes(b.dtype), std::string_view(a.name)) <
           std::tuple(size_bytes(a.dtype), std::string_view(b.name));
  });
  std::vector<SafetensorsTensor> tensors;
  for (const Entry& entry : entries_) {
    CHECK(tensors.empty() || tensors.back().name != entry.name, "{}: tensor {:?} is given twice",
          file_.path().string(), entry.name);
    tensors.push_back({entry.name, entry.dtype, &entry.shape});
  }
  file_.write(format_safetensors_header(tensors, metadata));
}

void WeightFileWriter::write(std::span<const std::byte> data) {
  CHECK(next_entry_idx_ < entries_.size(), "{}: more tensors are written than were announced",
        file_.path().string());
  const Entry& entry = entries_[next_entry_idx_];
  const std::size_t need_bytes =
      static_cast<std::size_t>(entry.shape.num_elements()) * size_bytes(entry.dtype);
  CHECK(data.size() == need_bytes, "{}: tensor {:?} has {} bytes, expected {}",
        file_.path().string(), entry.name, data.size(), need_bytes);
  file_.write(data);
  ++next_entry_idx_;
}

void WeightFileWriter::finish() {
  CHECK(next_entry_idx_ == entries_.size(), "{}: {} of {} tensors are written",
        file_.path().string(), next_entry_idx_, entries_.size());
  file_.commit();
}

}  // namespace nestor
