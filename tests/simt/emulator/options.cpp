#include "emulator/options.h"

#include <cstdlib>
#include <stdexcept>

namespace nestor::simt {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

[[noreturn]] void refuse(const char* name, const std::string& value) {
  throw std::invalid_argument(std::string(name) + " is '" + value + "'");
}

bool is_eager(const char* name, bool otherwise) {
  const std::string value = variable(name);
  if (value.empty()) return otherwise;
  if (value != "lazy" && value != "eager") refuse(name, value);
  return value == "eager";
}

std::int64_t number(const char* name, std::int64_t otherwise) {
  const std::string value = variable(name);
  if (value.empty()) return otherwise;
  char* end = nullptr;
  const std::int64_t found = std::strtoll(value.c_str(), &end, 10);
  if (*end != '\0' || found < 0) refuse(name, value);
  return found;
}

}  // namespace

Options Options::from_environment() {
  Options options;
  const std::string order = variable("NESTOR_SIMT_ORDER");
  if (order == "reverse") {
    options.order = Order::kReverse;
  } else if (order == "random") {
    options.order = Order::kRandom;
  } else if (!order.empty() && order != "forward") {
    refuse("NESTOR_SIMT_ORDER", order);
  }
  options.seed = static_cast<std::uint64_t>(number("NESTOR_SIMT_SEED", 1));
  options.eager_copies = is_eager("NESTOR_SIMT_COPIES", options.eager_copies);
  options.eager_streams = is_eager("NESTOR_SIMT_STREAMS", options.eager_streams);
  options.num_workers = static_cast<int>(number("NESTOR_SIMT_WORKERS", options.num_workers));
  options.sm = static_cast<int>(number("NESTOR_SIMT_SM", options.sm));
  return options;
}

std::string to_string(const Options& options) {
  std::string text = "sm_" + std::to_string(options.sm);
  switch (options.order) {
    case Order::kForward: text += " forward"; break;
    case Order::kReverse: text += " reverse"; break;
    case Order::kRandom: text += " random(" + std::to_string(options.seed) + ")"; break;
  }
  text += options.eager_copies ? " eager copies" : " lazy copies";
  return text + (options.eager_streams ? " eager streams" : " lazy streams");
}

std::vector<Options> schedules(Options base) {
  std::vector<Options> all;
  for (const Order order : {Order::kForward, Order::kReverse, Order::kRandom, Order::kRandom}) {
    base.order = order;
    base.seed = all.size();
    base.eager_copies = all.size() % 2 == 1;
    base.eager_streams = all.size() % 4 >= 2;
    all.push_back(base);
  }
  return all;
}

}  // namespace nestor::simt
