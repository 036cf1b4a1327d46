/// Waiting for something that another process or thread brings about. The only way tests wait.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace portoser::test {

/// What a failed wait adds to its message: the end of a log, the last answer.
using Explain = std::function<std::string()>;

/// Asks `condition` every 10 ms until it holds. `Error{deadline}` with `reason` ("the agent is
/// online") and `explain()` when `limit` passes first. Be generous with `limit`: it is there to end
/// a test that hangs, not to measure; under a sanitizer everything takes several times as long.
void await_until(std::string_view reason,
                 std::chrono::milliseconds limit,
                 const std::function<bool()>& condition,
                 const Explain& explain = nullptr);

}  // namespace portoser::test
