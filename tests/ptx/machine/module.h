// A PTX module: text is parsed once, and each kernel decoded into compact operations when it is
// first launched.
//
// Every virtual register of PTX gets a place in a warp's register file, which holds 32 lanes side
// by side. Places are shared by registers that do not live at the same time; a register that may be
// read before it was written has a place of its own, which is filled with NaN.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/ptx/machine/operation.h"

namespace nestor::ptx {

class Module {
 public:
  explicit Module(std::string text);
  ~Module();
  // Null where there is none of that name.
  const Kernel* find(const std::string& name);
  const Kernel* decoded(const std::string& name) const {  // null if nobody asked for it yet
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second.kernel.get();
  }
  std::vector<std::string> names() const;
  int sm() const { return sm_; }
  std::string line(u32 number) const;
  // Device memory of .global and .const variables: set by whoever loads the module.
  struct Variable {
    std::string name;
    u64 size = 0;
    std::vector<u8> init;
    u64 address = 0;
  };
  std::vector<Variable>& variables() { return variables_; }

 private:
  friend struct Decoder;
  struct Entry {
    std::size_t begin = 0, body = 0, end = 0;  // in text_
    std::unique_ptr<Kernel> kernel;
  };
  void parse();
  std::string text_;
  int sm_ = 0;
  std::map<std::string, Entry> entries_;
  std::vector<Variable> variables_;
  std::map<std::string, u32> shared_;  // module-scope shared arrays: name, address
  u32 module_shared_ = 0;
  std::vector<std::size_t> lines_;
};

}  // namespace nestor::ptx
