#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

void Decoder::parameters(std::string_view head) {
  const std::size_t open = head.find('(');
  const std::size_t close = head.find(')');
  int offset = 0;
  if (open != std::string_view::npos && close != std::string_view::npos) {
    for (const std::string_view param : split(head.substr(open + 1, close - open - 1), ',')) {
      if (param.empty()) continue;
      int align = 0;
      if (const auto a = param.find(".align"); a != std::string_view::npos) {
        align = std::atoi(std::string(param.substr(a + 6)).c_str());
      }
      const std::size_t bracket = param.find('[');
      const std::string_view before = trim(param.substr(0, bracket));
      const std::size_t name_at = before.find_last_of(" \t") + 1;
      const std::string name(before.substr(name_at));
      const std::string_view typed = trim(before.substr(0, name_at));
      int bytes = bytes_of(kTypes.at(typed.substr(typed.find_last_of('.') + 1)));
      if (align == 0) align = bytes;
      if (bracket != std::string_view::npos) {
        bytes *= std::atoi(std::string(param.substr(bracket + 1)).c_str());
      }
      offset = static_cast<int>(round_up(static_cast<u64>(offset), static_cast<u64>(align)));
      symbols[name] = static_cast<u64>(offset);
      kernel.params.push_back({offset, bytes});
      offset += bytes;
    }
  }
  kernel.param_bytes = offset;
  if (const auto at = head.find(".maxntid"); at != std::string_view::npos) {
    int threads = 1;
    std::string numbers(head.substr(at + 8, head.find('\n', at) - at - 8));
    for (const std::string_view n : split(numbers, ','))
      threads *= std::atoi(std::string(n).c_str());
    kernel.max_threads = threads;
  }
}

void Decoder::declaration(std::string_view s) {
  if (s.starts_with(".reg")) {
    s = trim(s.substr(4));
    const std::size_t space = s.find_first_of(" \t");
    declare(s.substr(1, space - 1), trim(s.substr(space)));
    return;
  }
  if (s.starts_with(".pragma") || s.starts_with(".maxnreg")) return;
  if (s.starts_with(".local") || s.starts_with(".shared")) {
    const bool local = s.starts_with(".local");
    int align = 1;
    if (const auto a = s.find(".align"); a != std::string_view::npos) {
      align = std::atoi(std::string(s.substr(a + 6)).c_str());
    }
    const std::size_t bracket = s.find('[');
    const std::string_view before = trim(s.substr(0, bracket));
    const std::size_t name_at = before.find_last_of(" \t") + 1;
    const std::string name(before.substr(name_at));
    const std::string_view typed = trim(before.substr(0, name_at));
    u64 bytes = static_cast<u64>(bytes_of(kTypes.at(typed.substr(typed.find_last_of('.') + 1))));
    if (bracket != std::string_view::npos) bytes *= std::stoull(std::string(s.substr(bracket + 1)));
    if (local) {
      kernel.local_bytes =
          static_cast<int>(round_up(static_cast<u64>(kernel.local_bytes), static_cast<u64>(align)));
      symbols[name] = static_cast<u64>(kernel.local_bytes);
      kernel.local_bytes += static_cast<int>(bytes);
    } else {
      static_shared = static_cast<u32>(round_up(static_shared, static_cast<u64>(align)));
      symbols[name] = static_shared;
      static_shared += static_cast<u32>(bytes);
    }
    return;
  }
  fail("unknown directive " + std::string(s.substr(0, 30)));
}

void Decoder::statement(std::string_view s) {
  if (s.starts_with('.')) return declaration(s);
  op = Op{};
  op.line = line;
  if (s.starts_with('@')) {
    const std::size_t space = s.find_first_of(" \t");
    std::string_view guard = s.substr(1, space - 1);
    if (guard.starts_with('!')) {
      op.negate_guard = true;
      guard.remove_prefix(1);
    }
    op.guard = source(kGuard, guard, Type::kPred);
    s = trim(s.substr(space));
  }
  std::size_t end = 0;
  while (end < s.size() && !std::isspace(static_cast<unsigned char>(s[end])) && s[end] != '{')
    ++end;
  parts = split(s.substr(0, end), '.');
  mnemonic = parts[0];
  operands = split_operands(trim(s.substr(end)));
  const std::size_t references_before = references.size();
  const std::size_t extra_before = kernel.extra.size();
  bool known = false;
  try {
    known = instruction();
  } catch (const Fault&) {
    throw;
  } catch (const std::exception& error) {
    fail(std::string("cannot be decoded: ") + error.what());
  }
  if (!known) {
    references.resize(references_before);
    kernel.extra.resize(extra_before);
    op.code = Code::kUnknown;
    op.d = op.a = op.b = op.c = op.e = kNoOperand;
  }
  emit(op);
}

void Decoder::run(std::size_t begin, std::size_t end) {
  scopes.emplace_back();
  std::size_t statement_begin = begin;
  bool empty = true;
  u32 current_line = static_cast<u32>(
      std::upper_bound(module.lines_.begin(), module.lines_.end(), begin) - module.lines_.begin());
  for (std::size_t i = begin; i < end; ++i) {
    const char c = text[i];
    if (c == '\n') ++current_line;
    if (empty) {
      if (std::isspace(static_cast<unsigned char>(c))) continue;
      if (c == ';') continue;
      if (c == '{') {
        scopes.emplace_back();
        continue;
      }
      if (c == '}') {
        scopes.pop_back();
        continue;
      }
      empty = false;
      statement_begin = i;
      line = current_line;
      if (text.substr(i).starts_with(".loc ") || text.substr(i).starts_with(".loc\t")) {
        while (i + 1 < end && text[i + 1] != '\n') ++i;
        empty = true;
        continue;
      }
    }
    if (c == ':' && text[i + 1] != ':' && text[i - 1] != ':') {
      const std::string label(trim(text.substr(statement_begin, i - statement_begin)));
      labels[label] = kernel.ops.size();
      empty = true;
    } else if (c == ';') {
      statement(trim(text.substr(statement_begin, i - statement_begin)));
      empty = true;
    }
  }
  Op last;
  last.code = Code::kReturn;
  last.line = current_line;
  emit(last);
  for (const Op& each : kernel.ops) {
    const bool may_be_shared = each.space == Space::kShared || each.space == Space::kGeneric;
    if ((each.code == Code::kLoad || each.code == Code::kStore) && may_be_shared) {
      kernel.smallest_shared =
          std::min(kernel.smallest_shared, static_cast<u32>(bytes_of(each.type)));
    }
  }
  for (const auto& [index, label] : branches) {
    const auto found = labels.find(label);
    if (found == labels.end()) throw Fault("no label " + label);
    kernel.ops[index].imm = static_cast<i64>(found->second);
    kernel.ops[index + 1].join = true;  // where lanes are that did not take it
  }
  for (const auto& [label, place] : labels) kernel.ops[place].join = true;
}

}  // namespace nestor::ptx
