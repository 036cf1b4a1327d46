#include "controller/api/metrics_subscriptions.h"

#include <algorithm>

namespace portoser::api {
namespace {

constexpr std::string_view everything = "*@*";

void count_one(auto& counts, std::string_view key, int by) {
  const auto entry = counts.try_emplace(std::string{key}).first;
  entry->second += by;
  if (entry->second <= 0) counts.erase(entry);
}

}  // namespace

bool is_subscription(std::string_view text) {
  constexpr std::size_t longest = 300;  // names of services and hosts are far shorter
  const auto at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= longest;
}

bool MetricsSubscriptions::add(const Patterns& patterns) {
  const auto more = std::count_if(patterns.begin(), patterns.end(), [this](const auto& one) {
    return !patterns_.contains(one);
  });
  if (patterns_.size() + static_cast<std::size_t>(more) > most) return false;
  patterns_.insert(patterns.begin(), patterns.end());
  return true;
}

bool MetricsSubscriptions::want_machine(std::string_view on_machine) const {
  return patterns_.contains(on_machine) || patterns_.contains(everything);
}

bool MetricsSubscriptions::want_service(std::string_view pair,
                                        std::string_view anywhere,
                                        std::string_view on_machine) const {
  return want_machine(on_machine) || patterns_.contains(pair) || patterns_.contains(anywhere);
}

void SubscriptionCounts::add(const MetricsSubscriptions::Patterns& patterns) {
  for (const auto& one : patterns) {
    count_one(by_pattern_, one, 1);
    count_one(by_machine_, std::string_view{one}.substr(one.find('@') + 1), 1);
  }
}

void SubscriptionCounts::remove(const MetricsSubscriptions::Patterns& patterns) {
  for (const auto& one : patterns) {
    count_one(by_pattern_, one, -1);
    count_one(by_machine_, std::string_view{one}.substr(one.find('@') + 1), -1);
  }
}

bool SubscriptionCounts::concern(const std::string& machine) const {
  return by_machine_.contains(machine) || by_machine_.contains("*");
}

}  // namespace portoser::api
