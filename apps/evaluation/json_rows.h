#pragma once
// JSON files that hold lists of objects, read one object at a time: only what is asked for is kept, so
// that memory does not grow with what else is in the file, such as outlines of objects.

#include <array>
#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nestor {

// An object in a list. Its members are read by type; all throw kBadInput, naming file, list and
// entry, for a member that is missing (without a fallback) or of another type.
class JsonRow {
 public:
  JsonRow(const std::string& file, std::string_view list, std::size_t idx)
      : file_(file), list_(list), idx_(idx) {}

  bool has(std::string_view key) const { return members_.contains(key); }
  std::int64_t integer(std::string_view key) const;  // also 3.0
  double number(std::string_view key) const;
  std::string text(std::string_view key) const;
  std::vector<double> numbers(std::string_view key, std::size_t count) const;
  bool flag(std::string_view key) const;  // true or a number but 0; false if missing

  // "file.json: annotations[17]"
  std::string where() const;

  struct Other {};  // null, objects, lists of other things than numbers
  using Value = std::variant<Other, bool, std::int64_t, double, std::string, std::vector<double>>;
  void set(const std::string& key, Value value) { members_[key] = std::move(value); }

 private:
  template <class T>
  const T* find(std::string_view key) const;
  double number_at(std::string_view key, std::string_view expected) const;
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;

  const std::string& file_;
  std::string list_;
  std::size_t idx_;
  std::map<std::string, Value, std::less<>> members_;
};

using RowHandler = std::function<void(const JsonRow&)>;

// Reads a file of the form {"name": [{...}, ...], ...}; each list that `lists` names must be there,
// once, and its objects are given to the handler, in order. Other members are passed over. A list
// without a name is the file itself: [{...}, ...]. Throws kBadInput for all that is something else,
// and for JSON that is nested too deeply.
void read_json_rows(std::istream& in, const std::string& file,
                    const std::map<std::string, RowHandler>& lists);

// The same from a regular file.
void read_json_rows(const std::string& file, const std::map<std::string, RowHandler>& lists);

}  // namespace nestor
