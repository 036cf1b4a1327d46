#include "common/program.h"

#include "common/error.h"

#include <fmt/format.h>

#include <cstdio>
#include <sysexits.h>

namespace portoser {
namespace {

int exit_status(Code code) {
  switch (code) {
    case Code::bad_request:
    case Code::invalid:
    case Code::not_found:
      return EX_CONFIG;
    case Code::unavailable:
    case Code::deadline:
    case Code::conflict:
      return EX_UNAVAILABLE;
    case Code::unauthenticated:
    case Code::forbidden:
      return EX_NOPERM;
    default:
      return EX_SOFTWARE;
  }
}

}  // namespace

int run_program(std::string_view name, const std::function<int()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    fmt::print(stderr,
               "{}: {}{}{}\n",
               name,
               error.where().empty() ? "" : error.where() + ": ",
               error.message(),
               error.hint().empty() ? "" : " (" + error.hint() + ")");
    for (const auto& detail : error.details()) {
      fmt::print(stderr, "  {}: {}\n", detail.where, detail.message);
    }
    return exit_status(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: unexpected failure: {}\n", name, error.what());
    return EX_SOFTWARE;
  }
}

}  // namespace portoser
