/// For a failure that is an ordinary answer: parsing input, a command's outcome. Anything else
/// throws `Error`.
#pragma once

#include "common/error.h"

#include <tl/expected.hpp>

namespace portoser {

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace portoser
