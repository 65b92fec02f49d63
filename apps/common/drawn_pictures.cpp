#include "apps/common/drawn_pictures.h"

#include <filesystem>

#include "apps/drawing/boxes.h"
#include "apps/drawing/picture_file.h"
#include "engine/check.h"

namespace nestor {

namespace fs = std::filesystem;

DrawnPictures::DrawnPictures(std::string folder) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  CHECK(!error && fs::is_directory(folder_), "--save-vis: cannot make the folder {}: {}", folder_,
        error.message());
}

void DrawnPictures::keep(std::size_t idx, const Image& picture) {
  const std::lock_guard lock(mutex_);
  kept_[idx] = picture;
}

void DrawnPictures::write(std::size_t idx, const std::string& name,
                          std::span<const DetectedObject> objects) {
  Image picture;
  {
    const std::lock_guard lock(mutex_);
    picture = std::move(kept_.extract(idx).mapped());
  }
  std::vector<DrawnBox> boxes;
  for (const DetectedObject& object : objects) {
    const std::string label = object.label.empty() ? std::to_string(object.class_id) : object.label;
    boxes.push_back({object.box[0], object.box[1], object.box[2], object.box[3], object.class_id,
                     label, object.score});
  }
  draw_boxes(picture, boxes);
  write_picture(path_for(name), picture);
}

std::string DrawnPictures::path_for(const std::string& name) {
  const fs::path given = name == "-" ? fs::path("stdin.png") : fs::path(name).filename();
  const std::string extension = given.extension().string();
  const bool jpeg = extension == ".jpg" || extension == ".jpeg";
  const std::string end = jpeg ? extension : ".png";
  std::string file = given.stem().string() + end;
  for (int i = 2; !names_.insert(file).second; ++i) {
    file = fmt::format("{}_{}{}", given.stem().string(), i, end);
  }
  return (fs::path(folder_) / file).string();
}

}  // namespace nestor
