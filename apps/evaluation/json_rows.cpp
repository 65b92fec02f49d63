#include "apps/evaluation/json_rows.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::size_t kDeepest = 64;
constexpr double kLargestExact = 9007199254740992;  // 2^53: above, a double is no integer's own

// Follows the parser through the file. A row's own members lie two levels below its list's.
class Rows : public nlohmann::json_sax<nlohmann::json> {
 public:
  Rows(const std::string& file, const std::map<std::string, RowHandler>& lists)
      : file_(file), lists_(lists), is_list_(lists.contains("")) {}

  void finish() const {
    for (const auto& [name, handler] : lists_) {
      CHECK_AS(kBadInput, name.empty() || seen_.contains(name), "{}: there is no list {}", file_,
               name);
    }
  }

  bool null() override { return value(JsonRow::Other()); }
  bool boolean(bool given) override { return value(given); }
  bool number_integer(std::int64_t given) override { return number(given); }
  bool number_unsigned(std::uint64_t given) override {
    if (given > INT64_MAX) return number(static_cast<double>(given));
    return number(static_cast<std::int64_t>(given));
  }
  bool number_float(double given, const std::string&) override { return number(given); }
  bool string(std::string& given) override { return value(std::move(given)); }
  bool binary(nlohmann::json::binary_t&) override { return value(JsonRow::Other()); }

  bool start_object(std::size_t) override {
    enter();
    if (depth_ == 1) {
      CHECK_AS(kBadInput, !is_list_, "{}: an object, expected a list", file_);
    } else if (in_list() && depth_ == list_depth_ + 1) {
      row_.emplace(file_, list_, num_rows_);
    } else {
      complicate();
    }
    return true;
  }

  bool end_object() override {
    if (row_ && depth_ == list_depth_ + 1) {
      handler_(*row_);
      row_.reset();
      ++num_rows_;
    }
    --depth_;
    return true;
  }

  bool start_array(std::size_t) override {
    enter();
    if (depth_ == 1) {
      CHECK_AS(kBadInput, is_list_, "{}: a list, expected an object", file_);
      open_list("");
    } else if (depth_ == 2 && !is_list_ && lists_.contains(key_)) {
      open_list(key_);
    } else if (row_ && depth_ == list_depth_ + 2) {
      numbers_.emplace();
    } else {
      refuse_unless_in_row();
      complicate();
    }
    return true;
  }

  bool end_array() override {
    if (numbers_ && depth_ == list_depth_ + 2) {
      if (simple_) {
        row_->set(key_, std::move(*numbers_));
      } else {
        row_->set(key_, JsonRow::Other());
      }
      numbers_.reset();
      simple_ = true;
    }
    if (in_list() && depth_ == list_depth_) list_depth_ = 0;
    --depth_;
    return true;
  }

  bool key(std::string& given) override {
    if (depth_ == 1 || (row_ && depth_ == list_depth_ + 1)) key_ = std::move(given);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    fail(ErrorCode::kBadInput, "{}: no sound JSON at byte {}", file_, position);
  }

 private:
  bool in_list() const { return list_depth_ > 0; }

  void enter() {
    CHECK_AS(kBadInput, ++depth_ <= kDeepest, "{}: nested more than {} deep", file_, kDeepest);
  }

  void open_list(const std::string& name) {
    CHECK_AS(kBadInput, seen_.insert(name).second, "{}: {} occurs twice", file_, name);
    list_ = name;
    handler_ = lists_.at(name);
    list_depth_ = depth_;
    num_rows_ = 0;
  }

  // A list that holds something else than numbers is no list of numbers.
  void complicate() {
    if (numbers_) simple_ = false;
    if (row_ && depth_ == list_depth_ + 2 && !numbers_) row_->set(key_, JsonRow::Other());
  }

  // Elements of a list must be objects.
  void refuse_unless_in_row() const {
    CHECK_AS(kBadInput, !in_list() || row_, "{}: {}[{}] is no object", file_, list_, num_rows_);
  }

  bool number(std::variant<std::int64_t, double> given) {
    const auto as_double = [](auto number) { return static_cast<double>(number); };
    if (numbers_ && depth_ == list_depth_ + 2) {
      numbers_->push_back(std::visit(as_double, given));
      return true;
    }
    return std::visit([&](auto number) { return value(number); }, given);
  }

  bool value(JsonRow::Value given) {
    refuse_unless_in_row();
    if (row_ && depth_ == list_depth_ + 1) {
      row_->set(key_, std::move(given));
      return true;
    }
    CHECK_AS(kBadInput, depth_ != 0, "{}: a single value, expected {}", file_,
             is_list_ ? "a list" : "an object");
    CHECK_AS(kBadInput, depth_ != 1 || !lists_.contains(key_), "{}: {} is no list", file_, key_);
    complicate();
    return true;
  }

  const std::string& file_;
  const std::map<std::string, RowHandler>& lists_;
  const bool is_list_;
  std::set<std::string> seen_;

  std::size_t depth_ = 0;       // of containers that are open
  std::size_t list_depth_ = 0;  // of the list that is read; 0: none is
  std::string list_;
  RowHandler handler_;
  std::size_t num_rows_ = 0;
  std::string key_;  // of the file's or the row's member
  std::optional<JsonRow> row_;
  std::optional<std::vector<double>> numbers_;  // of the row's member that is read
  bool simple_ = true;                          // it holds nothing but numbers
};

}  // namespace

template <class T>
const T* JsonRow::find(std::string_view key) const {
  const auto found = members_.find(key);
  return found == members_.end() ? nullptr : std::get_if<T>(&found->second);
}

std::string JsonRow::where() const { return fmt::format("{}: {}[{}]", file_, list_, idx_); }

void JsonRow::refuse(std::string_view key, std::string_view expected) const {
  if (!has(key)) fail(ErrorCode::kBadInput, "{} has no {}", where(), key);
  fail(ErrorCode::kBadInput, "{}: {} is no {}", where(), key, expected);
}

double JsonRow::number_at(std::string_view key, std::string_view expected) const {
  if (const auto* const integer = find<std::int64_t>(key)) return static_cast<double>(*integer);
  if (const auto* const number = find<double>(key)) return *number;
  refuse(key, expected);
}

std::int64_t JsonRow::integer(std::string_view key) const {
  constexpr std::string_view kExpected = "integer of 64 bits";
  if (const auto* const integer = find<std::int64_t>(key)) return *integer;
  const double number = number_at(key, kExpected);
  if (std::trunc(number) != number || std::abs(number) > kLargestExact) refuse(key, kExpected);
  return static_cast<std::int64_t>(number);
}

double JsonRow::number(std::string_view key) const { return number_at(key, "number"); }

std::string JsonRow::text(std::string_view key) const {
  const auto* const text = find<std::string>(key);
  if (text == nullptr) refuse(key, "text");
  return *text;
}

std::vector<double> JsonRow::numbers(std::string_view key, std::size_t count) const {
  const auto* const numbers = find<std::vector<double>>(key);
  if (numbers == nullptr) refuse(key, "list of numbers");
  CHECK_AS(kBadInput, numbers->size() == count, "{}: {} has {} numbers, expected {}", where(), key,
           numbers->size(), count);
  return *numbers;
}

bool JsonRow::flag(std::string_view key) const {
  if (!has(key)) return false;
  if (const auto* const flag = find<bool>(key)) return *flag;
  return number_at(key, "flag") != 0;
}

void read_json_rows(std::istream& in, const std::string& file,
                    const std::map<std::string, RowHandler>& lists) {
  Rows rows(file, lists);
  nlohmann::json::sax_parse(in, &rows);
  rows.finish();
}

void read_json_rows(const std::string& file, const std::map<std::string, RowHandler>& lists) {
  std::error_code unknown;
  std::ifstream in(file, std::ios::binary);
  CHECK_AS(kBadInput, in.is_open() && std::filesystem::is_regular_file(file, unknown),
           "{}: not a file that can be read", file);
  read_json_rows(in, file, lists);
}

}  // namespace nestor
