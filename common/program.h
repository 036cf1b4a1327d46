/// What every program of ours does at its root.
#pragma once

#include <functional>
#include <string_view>

namespace portoser {

/// Runs `body` and returns its exit status. An `Error` that comes out is printed as one sentence
/// with what, where and what would be right, and becomes a status of sysexits.h: 78 for settings,
/// 69 for something that is away, 70 for our own fault.
int run_program(std::string_view name, const std::function<int()>& body);

}  // namespace portoser
