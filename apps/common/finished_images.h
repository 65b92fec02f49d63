#pragma once
// The images whose results an interrupted run has left in a file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

class FinishedImages {
 public:
  // Reads the rows of a report in the format "jsonl" or "csv"; there need not be a file. Throws
  // kBadInput if a row is none of such a report, or for a CSV file with another head.
  FinishedImages(const std::filesystem::path& file, std::string_view format);

  // Bytes at the file's beginning that hold whole results. An unfinished line is none, nor are the
  // last image's rows in a CSV file: more of them may have been to come.
  std::uint64_t whole_bytes() const { return whole_bytes_; }

  // The names without those that have results, each as often as it has.
  std::vector<std::string> without(std::vector<std::string> names) const;

 private:
  void read_jsonl(std::istream& in, const std::string& file);
  void read_csv(std::istream& in, const std::string& file);

  bool csv_;
  std::uint64_t whole_bytes_ = 0;
  std::map<std::string, std::size_t> counts_;  // by the name as reports have it
};

}  // namespace nestor
