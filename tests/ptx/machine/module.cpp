#include "tests/ptx/machine/module.h"

#include <algorithm>
#include <cstring>

#include "tests/ptx/machine/decoder.h"
#include "tests/ptx/machine/text.h"

namespace nestor::ptx {

Module::Module(std::string text) : text_(std::move(text)) {
  // Comments become spaces, so that offsets and lines stay.
  for (std::size_t i = 0; i + 1 < text_.size(); ++i) {
    if (text_[i] == '/' && text_[i + 1] == '/') {
      while (i < text_.size() && text_[i] != '\n') text_[i++] = ' ';
    } else if (text_[i] == '/' && text_[i + 1] == '*') {
      while (i + 1 < text_.size() && !(text_[i] == '*' && text_[i + 1] == '/')) {
        if (text_[i] != '\n') text_[i] = ' ';
        ++i;
      }
      text_[i] = text_[i + 1] = ' ';
    } else if (text_[i] == '"') {
      for (++i; i < text_.size() && text_[i] != '"';) ++i;
    }
  }
  while (!text_.empty() && text_.back() == '\0') text_.pop_back();
  lines_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') lines_.push_back(i + 1);
  }
  parse();
}

Module::~Module() = default;

std::string Module::line(u32 number) const {
  if (number == 0 || number > lines_.size()) return "";
  const std::size_t begin = lines_[number - 1];
  const std::size_t end = text_.find('\n', begin);
  return std::string(trim(std::string_view(text_).substr(begin, end - begin)));
}

std::vector<std::string> Module::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

void Module::parse() {
  std::size_t at = 0;
  while (at < text_.size()) {
    if (std::isspace(static_cast<unsigned char>(text_[at]))) {
      ++at;
      continue;
    }
    // A directive without semicolon ends with its line.
    const std::size_t line_end = std::min(text_.find('\n', at), text_.size());
    const std::string_view line = trim(std::string_view(text_).substr(at, line_end - at));
    if (line.starts_with(".version") || line.starts_with(".address_size") ||
        line.starts_with(".file")) {
      at = line_end;
      continue;
    }
    if (line.starts_with(".target")) {
      const std::size_t sm = line.find("sm_");
      sm_ = std::atoi(std::string(line.substr(sm + 3)).c_str());
      at = line_end;
      continue;
    }
    const std::size_t stop = text_.find_first_of(";{", at);
    if (stop == std::string::npos) break;
    const std::string_view head = std::string_view(text_).substr(at, stop - at);
    const std::size_t entry = head.find(".entry");
    if (entry != std::string_view::npos) {
      Entry found;
      found.begin = at;
      std::size_t name_begin = at + entry + 6;
      while (std::isspace(static_cast<unsigned char>(text_[name_begin]))) ++name_begin;
      std::size_t name_end = name_begin;
      while (is_name_char(text_[name_end])) ++name_end;
      found.begin = name_end;
      found.body = stop + 1;
      int depth = 1;
      std::size_t i = stop + 1;
      for (; i < text_.size() && depth > 0; ++i) {
        if (text_[i] == '{') ++depth;
        if (text_[i] == '}') --depth;
      }
      found.end = i - 1;
      entries_[text_.substr(name_begin, name_end - name_begin)] = std::move(found);
      at = i;
      continue;
    }
    const std::size_t end = text_.find(';', at);
    const std::string_view all = trim(std::string_view(text_).substr(at, end - at));
    if (all.find(".func") != std::string_view::npos) {
      throw Fault("the module has a device function: " + std::string(all.substr(0, 80)));
    }
    const bool shared = all.find(".shared") != std::string_view::npos;
    const bool global = all.find(".global") != std::string_view::npos;
    const bool constant = all.find(".const") != std::string_view::npos;
    if (shared || global || constant) {
      const std::size_t equals = all.find('=');
      const std::string_view declaration = trim(all.substr(0, equals));
      int align = 1;
      if (const auto a = declaration.find(".align"); a != std::string_view::npos) {
        align = std::atoi(std::string(declaration.substr(a + 6)).c_str());
      }
      std::size_t bracket = declaration.find('[');
      const std::string_view before = trim(declaration.substr(0, bracket));
      const std::size_t name_at = before.find_last_of(" \t") + 1;
      const std::string name(before.substr(name_at));
      const std::string_view typed = trim(before.substr(0, name_at));
      const Type type = kTypes.at(typed.substr(typed.find_last_of('.') + 1));
      u64 count = 1;
      bool open = false;
      while (bracket != std::string_view::npos) {
        const std::size_t close = declaration.find(']', bracket);
        const std::string_view inside = trim(declaration.substr(bracket + 1, close - bracket - 1));
        if (inside.empty()) {
          open = true;
        } else {
          count *= static_cast<u64>(number(inside));
        }
        bracket = declaration.find('[', close);
      }
      const u64 bytes = count * static_cast<u64>(bytes_of(type));
      if (shared) {
        if (open) {
          shared_[name] = ~0u;  // dynamic: behind all others
        } else {
          module_shared_ = static_cast<u32>(round_up(module_shared_, static_cast<u64>(align)));
          shared_[name] = module_shared_;
          module_shared_ += static_cast<u32>(bytes);
        }
      } else {
        Variable variable{name, bytes, {}, 0};
        if (equals != std::string_view::npos) {
          variable.init.assign(bytes, 0);
          std::string_view values = trim(all.substr(equals + 1));
          if (values.starts_with('{')) values = values.substr(1, values.size() - 2);
          std::size_t place = 0;
          for (const std::string_view value : split(values, ',')) {
            u64 bits = 0;
            if (value.starts_with("0f") || value.starts_with("0F") || value.starts_with("0d") ||
                value.starts_with("0D")) {
              bits = std::stoull(std::string(value.substr(2)), nullptr, 16);
            } else {
              bits = static_cast<u64>(number(value));
            }
            std::memcpy(variable.init.data() + place, &bits,
                        static_cast<std::size_t>(bytes_of(type)));
            place += static_cast<std::size_t>(bytes_of(type));
          }
        }
        variables_.push_back(std::move(variable));
      }
    }
    at = end + 1;
  }
}

const Kernel* Module::find(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  Entry& entry = found->second;
  if (entry.kernel == nullptr) {
    entry.kernel = std::make_unique<Kernel>();
    entry.kernel->name = name;
    Decoder decoder{*this, *entry.kernel, text_};
    try {
      decoder.parameters(std::string_view(text_).substr(entry.begin, entry.body - 1 - entry.begin));
      for (const Variable& variable : variables_) decoder.symbols[variable.name] = variable.address;
      decoder.static_shared = module_shared_;
      // The kernel's own shared arrays come first, so the dynamic ones have their address.
      for (std::size_t at = text_.find(".shared ", entry.body);
           at != std::string::npos && at < entry.end; at = text_.find(".shared ", at + 1)) {
        if (at > 0 && (text_[at - 1] == '\t' || text_[at - 1] == '\n' || text_[at - 1] == ' ')) {
          decoder.line = 0;
          decoder.declaration(trim(std::string_view(text_).substr(at, text_.find(';', at) - at)));
        }
      }
      entry.kernel->static_shared = static_cast<int>(decoder.static_shared);
      for (const auto& [shared_name, address] : shared_) {
        decoder.symbols[shared_name] =
            address == ~0u ? round_up(decoder.static_shared, 128) : address;
      }
      decoder.static_shared = module_shared_;
      decoder.run(entry.body, entry.end);
      decoder.allocate();
      entry.kernel->covered.assign(entry.kernel->ops.size(), 0);
    } catch (const std::exception& error) {
      entry.kernel->error = error.what();
    }
  }
  return entry.kernel.get();
}

}  // namespace nestor::ptx
