#include "weights_convert/official_files.h"

#include <algorithm>

namespace nestor {

namespace {

constexpr std::size_t kHashDigits = 8;  // in the names of official files

// spec/pretrained.md. timm distributes four of ResNeSt's own files unchanged.
constexpr OfficialFile kFiles[] = {
    {"resnest14", "gluoncv", "7e0b0cae2fd7e9084d1e498b858af1429a6eb1cb"},
    {"resnest26", "gluoncv", "364590740605b6a2b95f5bb77436d781a817436f"},
    {"resnest50", "gluoncv", "bcfefe1dd1dd1ef5cfed5563123c1490ea37b42e"},
    {"resnest101", "gluoncv", "5da943b3230f071525a98639945a6b3b3a45ac95"},
    {"resnest200", "gluoncv", "0c5d117df664ace220aa6fc2922c094bb079d381"},
    {"resnest269", "gluoncv", "11ae7f5da2bcdbad05ba7e84f9b74383e717f3e3"},
    {"resnet101_v1b", "gluoncv", "a455932aa95cb7dcfa05fd040b9b5a5660733c39"},
    {"resnet101_v1d", "gluoncv", "1b2b825feff86b0354642a4ab59f9b6e35e47338"},
    {"resnet101_v1d", "gluoncv", "8659a9d6"},
    {"resnet101_v1s", "gluoncv", "bd93a83c05f709a803b1221aeff0b028e6eebb03"},

    {"resnest50", "resnest", "528c19ca"},
    {"resnest101", "resnest", "22405ba7"},
    {"resnest200", "resnest", "75117900"},
    {"resnest269", "resnest", "0cc87c48"},
    {"resnest50_fast_1s1x64d", "resnest", "d8fbf808"},
    {"resnest50_fast_2s1x64d", "resnest", "44938639"},
    {"resnest50_fast_4s1x64d", "resnest", "f74f3fc3"},
    {"resnest50_fast_1s2x40d", "resnest", "32830b84"},
    {"resnest50_fast_2s2x40d", "resnest", "9d126481"},
    {"resnest50_fast_4s2x40d", "resnest", "41d14ed0"},
    {"resnest50_fast_1s4x24d", "resnest", "d4a4f76f"},

    {"resnest14", "timm", "9c8fe254"},
    {"resnest26", "timm", "50eb607c"},
    {"resnet101_v1b", "timm", "3b017079"},
    {"resnet101_v1d", "timm", "0f9c8644"},
    {"resnet101_v1s", "timm", "60fe0cc1"},
};

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::span<const OfficialFile> official_files() { return kFiles; }

const OfficialFile* find_official_file(std::string_view digest) {
  const auto* found = std::ranges::find_if(
      kFiles, [digest](const OfficialFile& file) { return digest.starts_with(file.hash_prefix); });
  return found == std::end(kFiles) ? nullptr : found;
}

std::optional<std::string_view> hash_in_name(std::string_view file_name) {
  const std::string_view stem = file_name.substr(0, file_name.rfind('.'));
  const std::size_t dash = stem.rfind('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view hash = stem.substr(dash + 1);
  if (hash.size() < kHashDigits || !is_hexadecimal(hash)) return {};
  return hash;
}

}  // namespace nestor
