#include "controller/telemetry/sample_numbers.h"

#include "controller/telemetry/integer_codec.h"

#include <algorithm>

namespace portoser::telemetry {
namespace {

constexpr std::size_t most_boots = 8;
constexpr std::size_t most_stretches = 256;

}  // namespace

SampleNumbers::Boot& SampleNumbers::boot(const std::string& id) {
  const auto found =
      std::find_if(boots_.begin(), boots_.end(), [&](const Boot& one) { return one.id == id; });
  if (found != boots_.end()) {
    // The boot that was met last is forgotten last.
    std::rotate(found, found + 1, boots_.end());
    return boots_.back();
  }
  if (boots_.size() == most_boots) boots_.erase(boots_.begin());
  return boots_.emplace_back(Boot{id, {}});
}

bool SampleNumbers::add(Boot& boot, Stretch stretch) {
  auto& all = boot.stretches;
  // The first that the new one touches, or that lies behind it.
  auto begin = std::lower_bound(
      all.begin(), all.end(), stretch, [](const Stretch& left, const Stretch& right) {
        return left.last < right.first - 1;
      });
  if (begin != all.end() && begin->first <= stretch.first && stretch.last <= begin->last) {
    return false;
  }
  auto end = begin;
  while (end != all.end() && end->first <= stretch.last + 1) {
    stretch.first = std::min(stretch.first, end->first);
    stretch.last = std::max(stretch.last, end->last);
    ++end;
  }
  begin = all.erase(begin, end);
  all.insert(begin, stretch);
  if (all.size() > most_stretches) all.erase(all.begin());
  return true;
}

bool SampleNumbers::add(const std::string& boot_id, std::int64_t number) {
  return add(boot(boot_id), {number, number});
}

void SampleNumbers::add(const SampleNumbers& other) {
  for (const auto& from : other.boots_) {
    auto& into = boot(from.id);
    for (const auto& stretch : from.stretches) add(into, stretch);
  }
}

bool SampleNumbers::contains(const std::string& boot_id, std::int64_t number) const {
  for (const auto& boot : boots_) {
    if (boot.id != boot_id) continue;
    return std::any_of(
        boot.stretches.begin(), boot.stretches.end(), [number](const Stretch& stretch) {
          return stretch.first <= number && number <= stretch.last;
        });
  }
  return false;
}

std::string SampleNumbers::encode() const {
  ByteWriter out;
  out.number(boots_.size());
  for (const auto& boot : boots_) {
    out.text(boot.id);
    out.number(boot.stretches.size());
    for (const auto& stretch : boot.stretches) {
      out.signed_number(stretch.first);
      out.signed_number(stretch.last);
    }
  }
  return out.take();
}

SampleNumbers SampleNumbers::decode(std::string_view bytes) {
  ByteReader in{bytes};
  SampleNumbers numbers;
  for (auto boots = in.count(most_boots); boots > 0; --boots) {
    auto& boot = numbers.boots_.emplace_back();
    boot.id = in.text();
    for (auto stretches = in.count(most_stretches); stretches > 0; --stretches) {
      const auto first = in.signed_number();
      boot.stretches.push_back({first, in.signed_number()});
    }
  }
  return numbers;
}

}  // namespace portoser::telemetry
