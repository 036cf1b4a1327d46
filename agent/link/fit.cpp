#include "agent/link/fit.h"

#include "protocol/codec.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::agent::link {
namespace {

using Places = std::vector<std::size_t>;

/// Takes the containers out of a message, and puts those back that fit and were chosen.
template <class Message>
class Fitting {
 public:
  using Part = typename decltype(Message::containers)::value_type;

  explicit Fitting(Message message)
      : message_(std::move(message)),
        parts_(std::exchange(message_.containers, {})),
        is_chosen_(parts_.size()) {
    message_.containers_left_out += static_cast<std::int64_t>(parts_.size());
    constexpr std::size_t longer_list = 4;  // how many they are, once they are more than 15
    const auto used = protocol::encode(message_).size() + longest_id + longer_list;
    room_ = protocol::message_limit - std::min(used, protocol::message_limit);
    sizes_.reserve(parts_.size());
    for (const auto& part : parts_) sizes_.push_back(protocol::size_in_message(part));
  }

  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  [[nodiscard]] const Message& rest() const { return message_; }

  /// All of them or, where they do not fit, none.
  bool choose(const Places& places) {
    std::size_t size = 0;
    for (const auto place : places) size += is_chosen_[place] ? 0 : sizes_[place];
    if (size > room_) return false;
    room_ -= size;
    for (const auto place : places) is_chosen_[place] = true;
    return true;
  }

  Message take() {
    for (std::size_t place = 0; place < parts_.size(); ++place) {
      if (is_chosen_[place]) message_.containers.push_back(std::move(parts_[place]));
    }
    message_.containers_left_out -= static_cast<std::int64_t>(message_.containers.size());
    return std::move(message_);
  }

 private:
  /// The number of a message, which is not known here.
  static constexpr std::size_t longest_id = 9;

  Message message_;
  std::vector<Part> parts_;
  std::vector<std::size_t> sizes_;
  std::vector<bool> is_chosen_;
  std::size_t room_ = 0;
};

}  // namespace

protocol::Sample fitted(protocol::Sample sample) {
  Fitting fitting{std::move(sample)};
  // By name: the same ones stay from sample to sample.
  std::map<std::string, Places, std::less<>> services;
  Places others;
  for (std::size_t place = 0; place < fitting.parts().size(); ++place) {
    const auto& of = fitting.parts()[place].services;
    for (const auto& service : of) services[service].push_back(place);
    if (of.empty()) others.push_back(place);
  }
  std::set<std::string, std::less<>> left_out;
  for (const auto& [service, places] : services) {
    if (!fitting.choose(places)) left_out.insert(service);
  }
  for (const auto place : others) {
    if (!fitting.choose({place})) break;
  }
  auto shorter = fitting.take();
  // One that it shares with a service that is whole is not all of it.
  for (auto& container : shorter.containers) {
    std::erase_if(container.services,
                  [&](const std::string& service) { return left_out.contains(service); });
  }
  return shorter;
}

protocol::State fitted(protocol::State state) {
  Fitting fitting{std::move(state)};
  std::set<std::string_view> of_services;
  for (const auto& service : fitting.rest().services) {
    of_services.insert(service.container_ids.begin(), service.container_ids.end());
  }
  Places first;
  Places others;
  for (std::size_t place = 0; place < fitting.parts().size(); ++place) {
    const bool is_first = of_services.contains(fitting.parts()[place].id);
    (is_first ? first : others).push_back(place);
  }
  first.insert(first.end(), others.begin(), others.end());
  for (const auto place : first) {
    if (!fitting.choose({place})) break;
  }
  return fitting.take();
}

}  // namespace portoser::agent::link
