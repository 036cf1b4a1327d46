/// Sums of figures that may be unknown. Private to the room.
#pragma once

#include <limits>
#include <optional>
#include <type_traits>

namespace portoser::telemetry {

/// An unknown figure adds nothing; a sum of nothing but unknown figures stays unknown. A sum of
/// whole numbers stays at the most that it can be.
template <class T>
void add(std::optional<T>& sum, const std::optional<T>& value) {
  if (!value) return;
  const auto so_far = sum.value_or(T{});
  if constexpr (std::is_integral_v<T>) {
    T whole{};
    using Limits = std::numeric_limits<T>;
    if (__builtin_add_overflow(so_far, *value, &whole)) {
      whole = *value > 0 ? Limits::max() : Limits::min();
    }
    sum = whole;
  } else {
    sum = so_far + *value;
  }
}

}  // namespace portoser::telemetry
