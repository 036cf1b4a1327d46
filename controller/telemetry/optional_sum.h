/// Sums of figures that may be unknown. Private to the room.
#pragma once

#include <optional>

namespace portoser::telemetry {

/// An unknown figure adds nothing; a sum of nothing but unknown figures stays unknown.
template <class T>
void add(std::optional<T>& sum, const std::optional<T>& value) {
  if (value) sum = sum.value_or(T{}) + *value;
}

}  // namespace portoser::telemetry
