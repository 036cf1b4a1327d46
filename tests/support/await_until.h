/// Waits for something that another thread or process does.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string_view>
#include <thread>

namespace portoser::test {

/// True as soon as `condition` holds. After ten seconds the test fails with `reason`: what was
/// awaited.
template <class Condition>
bool await_until(std::string_view reason, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "waited in vain for: " << reason;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

}  // namespace portoser::test
