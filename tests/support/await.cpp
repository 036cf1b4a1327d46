#include "tests/support/await.h"

#include "common/error.h"

#include <fmt/core.h>

#include <thread>

namespace portoser::test {

void await_until(std::string_view reason,
                 std::chrono::milliseconds limit,
                 const std::function<bool()>& condition,
                 const Explain& explain) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) {
      auto message = fmt::format("waited {} ms in vain until {}", limit.count(), reason);
      if (explain) message += "\n" + explain();
      throw Error{Code::deadline, message};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

}  // namespace portoser::test
