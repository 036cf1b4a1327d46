/// Why the database takes nothing at present.
#pragma once

#include "common/clock.h"

#include <string>

namespace portoser::storage {

struct DatabaseProblem {
  std::string message;
  std::string hint;
  Time since;
};

}  // namespace portoser::storage
