// The C API's message of the last failure, where memory is short.

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "nestor/nestor_c.h"
#include "tests/support/allocations.h"

namespace nestor::test {

namespace {

struct Failure {
  nestor_status status = NESTOR_OK;
  std::string message;
};

// Of a thread's first failing call, in which no allocation succeeds.
Failure first_failure_without_memory() {
  Failure failure;
  std::thread([&] {
    nestor_model* model = nullptr;
    {
      const FailingAllocations failing(1);
      failure.status = nestor_model_load("/nonexistent", "cpu", &model);
    }
    failure.message = nestor_last_error();
  }).join();
  return failure;
}

}  // namespace

TEST_CASE("c api: a thread's first failure without memory is a status", "[c][cpu]") {
  if (!counts_allocations()) return;  // sanitizers bring their own malloc
  const Failure failure = first_failure_without_memory();
  CHECK(failure.status == NESTOR_OUT_OF_MEMORY);
  CHECK(failure.message == "");
}

TEST_CASE("c api: each thread has the message of its own last failure", "[c][cpu]") {
  nestor_model* model = nullptr;
  CHECK(nestor_model_load("/nonexistent/one", "cpu", &model) != NESTOR_OK);
  const std::string here = nestor_last_error();
  CHECK(here.find("/nonexistent/one") != std::string::npos);
  std::string before = "not asked", after;
  std::thread([&] {
    before = nestor_last_error();
    nestor_model_load("/nonexistent/two", "cpu", &model);
    after = nestor_last_error();
  }).join();
  CHECK(before == "");
  CHECK(after.find("/nonexistent/two") != std::string::npos);
  CHECK(nestor_last_error() == here);
  nestor_model_load("/nonexistent/three", "cpu", &model);
  CHECK(std::string(nestor_last_error()).find("/nonexistent/three") != std::string::npos);
}

}  // namespace nestor::test
