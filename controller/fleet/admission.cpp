#include "controller/fleet/admission.h"

#include "common/ids.h"

#include <zmq.h>

namespace portoser::fleet {
namespace {

// Of a ZAP request, in order. In a scope: where sources are compiled together, a bare `version`
// would hide the program's.
struct Frame {
  enum { version, request_id, domain, address, identity, mechanism, credentials };
};
constexpr std::size_t curve_frames = 7;
constexpr std::size_t key_bytes = 32;

std::string to_z85(const std::string& key) {
  std::string text(41, '\0');
  ::zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key_bytes);
  text.resize(40);
  return text;
}

/// A name and a value as ZMTP writes properties (RFC 23).
std::string property(std::string_view name, std::string_view value) {
  constexpr std::string_view three_zeros{"\0\0\0", 3};
  std::string text{static_cast<char>(name.size())};
  text += name;
  text += three_zeros;  // the length has four bytes, the highest first
  text += static_cast<char>(value.size());
  text += value;
  return text;
}

constexpr char route_mark = 'r';
constexpr std::size_t route_bytes = 17;

/// Nobody can guess one.
std::string make_route() {
  return route_mark + random_bytes(route_bytes - 1);
}

}  // namespace

bool is_given_route(std::string_view route) {
  return route.size() == route_bytes && route.front() == route_mark;
}

void Admission::allow(const std::string& key) {
  const std::lock_guard lock{mutex_};
  keys_.insert(key);
}

void Admission::forget(const std::string& key) {
  const std::lock_guard lock{mutex_};
  keys_.erase(key);
}

bool Admission::allows(const std::string& key) const {
  const std::lock_guard lock{mutex_};
  return keys_.contains(key);
}

Admission::Answer Admission::answer(const std::vector<std::string>& request) {
  if (request.size() < 2 || request[Frame::version] != "1.0") {
    return {};
  }
  const bool is_curve = request.size() == curve_frames && request[Frame::mechanism] == "CURVE" &&
                        request[Frame::credentials].size() == key_bytes;
  const auto key = is_curve ? to_z85(request[Frame::credentials]) : std::string{};
  if (is_curve && allows(key)) {
    return {
        {"1.0", request[Frame::request_id], "200", "OK", key, property("Identity", make_route())}};
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  return {{"1.0", request[Frame::request_id], "400", "not enrolled", "", ""},
          (request.size() > Frame::address ? request[Frame::address] : "an unknown address") +
              (key.empty() ? " without a key" : " with the key " + key)};
}

}  // namespace portoser::fleet
