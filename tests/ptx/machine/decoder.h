// Decodes one kernel of a module. Statements are taken apart by hand: what nvcc and inline assembly
// emit is regular. What is not known becomes an operation that is an error when it is executed.
#pragma once

#include <algorithm>
#include <bit>
#include <cctype>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/ptx/machine/module.h"
#include "tests/ptx/machine/text.h"

namespace nestor::ptx {

struct Decoder {
  Module& module;
  Kernel& kernel;
  std::string_view text;

  struct Virtual {
    int rows = 0;  // 1 or 2; 0 is a predicate
    std::string name;
  };
  std::vector<Virtual> virtuals;
  std::vector<std::unordered_map<std::string, u32>> scopes;
  std::unordered_map<std::string, std::size_t> labels;
  std::vector<std::pair<u32, std::string>> branches;  // op, label
  std::unordered_map<std::string, u64> symbols;       // parameters, shared, local, variables
  std::map<std::pair<u64, int>, u32> constant_rows;
  u32 line = 0;
  u32 static_shared = 0;
  std::vector<std::string> dynamic_names;

  // Where an operand of an operation names a virtual register.
  enum Field : u8 { kD, kA, kB, kC, kE, kGuard, kExtra };
  struct Reference {
    u32 op;
    Field field;
    bool def;
    u32 extra;
    u32 reg;
  };
  std::vector<Reference> references;

  // The instruction that is being decoded: its operation, its name, the parts of its name behind
  // dots, the types among them, and its operands.
  Op op;
  std::string_view mnemonic;
  std::vector<std::string_view> parts, operands;
  std::vector<Type> types;

  u32 op_index() const { return static_cast<u32>(kernel.ops.size()); }

  [[noreturn]] void fail(const std::string& what) {
    throw Fault(what + " (line " + std::to_string(line) + ": " + module.line(line) + ")");
  }

  void declare(std::string_view type_name, std::string_view names) {
    const auto type = kTypes.find(type_name);
    if (type == kTypes.end()) fail("unknown type of register " + std::string(type_name));
    const int bytes = bytes_of(type->second);
    const int rows = type->second == Type::kPred ? 0 : bytes == 8 ? 2 : 1;
    for (std::string_view name : split(names, ',')) {
      const std::size_t angle = name.find('<');
      if (angle == std::string_view::npos) {
        scopes.back()[std::string(name)] = static_cast<u32>(virtuals.size());
        virtuals.push_back({rows, std::string(name)});
      } else {
        const std::string prefix(name.substr(0, angle));
        const int count = std::atoi(std::string(name.substr(angle + 1)).c_str());
        for (int i = 0; i < count; ++i) {
          scopes.back()[prefix + std::to_string(i)] = static_cast<u32>(virtuals.size());
          virtuals.push_back({rows, prefix + std::to_string(i)});
        }
      }
    }
  }

  const u32* find_register(std::string_view name) const {
    const std::string key(name);
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
      const auto found = scope->find(key);
      if (found != scope->end()) return &found->second;
    }
    return nullptr;
  }

  u32 constant(u64 value, int rows) {
    if (rows == 1) value &= 0xffffffffu;
    const auto key = std::make_pair(value, rows);
    const auto found = constant_rows.find(key);
    if (found != constant_rows.end()) return found->second;
    const u32 place = static_cast<u32>(kernel.constants.size() / kLanes) | kConstant;
    for (int lane = 0; lane < kLanes; ++lane) {
      kernel.constants.push_back(static_cast<u32>(value));
      if (rows == 2) kernel.constants.push_back(static_cast<u32>(value >> 32));
    }
    constant_rows[key] = place;
    return place;
  }

  void refer(Field field, u32 reg, bool def, u32 extra = 0) {
    references.push_back({op_index(), field, def, extra, reg});
  }

  // The bits of an immediate as the type wants them.
  u64 immediate(std::string_view s, Type type) {
    if (s.starts_with("0f") || s.starts_with("0F")) {
      const u32 bits = static_cast<u32>(std::stoul(std::string(s.substr(2)), nullptr, 16));
      if (type == Type::kF64)
        return std::bit_cast<u64>(static_cast<double>(std::bit_cast<float>(bits)));
      return bits;
    }
    if (s.starts_with("0d") || s.starts_with("0D")) {
      const u64 bits = std::stoull(std::string(s.substr(2)), nullptr, 16);
      if (type == Type::kF32) {
        return std::bit_cast<u32>(static_cast<float>(std::bit_cast<double>(bits)));
      }
      return bits;
    }
    return static_cast<u64>(number(s));
  }

  // A register, an immediate or the address of a symbol, to be read. Its width is that of the type;
  // a register must not be narrower.
  u32 source(Field field, std::string_view s, Type type, u32 extra = 0) {
    const int rows = type == Type::kPred ? 0 : bytes_of(type) == 8 ? 2 : 1;
    if (const u32* reg = find_register(s)) {
      if (virtuals[*reg].rows != rows) fail("an operand of the wrong width: " + std::string(s));
      refer(field, *reg, false, extra);
      return 0;
    }
    if (rows == 0) fail("no predicate: " + std::string(s));
    if (kSpecials.contains(s)) fail("a special register where none is known: " + std::string(s));
    if (const auto symbol = symbols.find(std::string(s)); symbol != symbols.end()) {
      return constant(symbol->second, rows);
    }
    if (s.starts_with("WARP_SZ")) return constant(32, rows);
    if (!s.empty() && (std::isdigit(static_cast<unsigned char>(s[0])) || s[0] == '-')) {
      return constant(immediate(s, type), rows);
    }
    // name+offset
    const std::size_t plus = s.find('+');
    if (plus != std::string_view::npos) {
      const auto symbol = symbols.find(std::string(trim(s.substr(0, plus))));
      if (symbol != symbols.end()) {
        return constant(symbol->second + static_cast<u64>(number(trim(s.substr(plus + 1)))), rows);
      }
    }
    fail("unknown operand " + std::string(s));
  }

  u32 target(Field field, std::string_view s, Type type, u32 extra = 0) {
    if (s == "_") return kNoOperand;
    const int rows = type == Type::kPred ? 0 : bytes_of(type) == 8 ? 2 : 1;
    const u32* reg = find_register(s);
    if (reg == nullptr) fail("no register: " + std::string(s));
    if (virtuals[*reg].rows != rows) fail("a result of the wrong width: " + std::string(s));
    refer(field, *reg, true, extra);
    return 0;
  }

  std::vector<std::string_view> elements(std::string_view s) {
    if (!s.starts_with('{')) return {s};
    return split(s.substr(1, s.size() - 2), ',');
  }

  // Further operands, in order, behind those that are there already.
  void more_sources(const std::vector<std::string_view>& names, Type type) {
    for (const std::string_view name : names) {
      const u32 place = static_cast<u32>(kernel.extra.size());
      kernel.extra.push_back(0);
      kernel.extra[place] = source(kExtra, name, type, place);
    }
  }
  void more_targets(const std::vector<std::string_view>& names, Type type) {
    for (const std::string_view name : names) {
      const u32 place = static_cast<u32>(kernel.extra.size());
      kernel.extra.push_back(0);
      kernel.extra[place] = target(kExtra, name, type, place);
    }
  }

  // [register + offset], [symbol + offset] or [number]: op.a and op.imm; op.flag where the register
  // has 32 bits.
  void address(Op& to, std::string_view s) {
    if (!s.starts_with('[') || !s.ends_with(']')) fail("no address: " + std::string(s));
    s = trim(s.substr(1, s.size() - 2));
    std::string_view base = s;
    i64 offset = 0;
    const std::size_t plus = s.find('+');
    if (plus != std::string_view::npos) {
      base = trim(s.substr(0, plus));
      offset = number(trim(s.substr(plus + 1)));
    }
    to.imm = offset;
    if (const u32* reg = find_register(base)) {
      to.flag = virtuals[*reg].rows == 1;
      to.a = 0;
      refer(kA, *reg, false);
    } else if (const auto symbol = symbols.find(std::string(base)); symbol != symbols.end()) {
      to.imm += static_cast<i64>(symbol->second);
      to.a = kNoOperand;
    } else {
      to.imm += number(base);
      to.a = kNoOperand;
    }
  }

  void emit(const Op& made) { kernel.ops.push_back(made); }

  void declaration(std::string_view s);
  void statement(std::string_view s);
  bool has(std::string_view part) const;
  void count(std::size_t wanted);
  Round round() const;
  bool nearest() const;  // directed modes are known for sums, products and fma in fp32 only
  Space space() const;
  bool unary(Code code);
  bool binary(Code code);
  bool ternary(Code code);
  // Decodes `o`. False if this machine does not know the instruction; each of the others knows some
  // of them.
  bool instruction();
  bool move_instruction();
  bool arithmetic_instruction();
  bool bits_instruction();
  bool function_instruction();
  bool choice_instruction();
  bool compare_instruction();
  bool memory_instruction();
  bool atomic_instruction();
  bool copy_instruction();
  bool control_instruction();
  bool warp_instruction();
  bool tensor_instruction();
  void run(std::size_t begin, std::size_t end);
  void parameters(std::string_view head);
  void allocate();
};

}  // namespace nestor::ptx
