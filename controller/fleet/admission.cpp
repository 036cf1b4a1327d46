#include "controller/fleet/admission.h"

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

}  // namespace

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
    return {{"1.0", request[Frame::request_id], "200", "OK", key, ""}};
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  return {{"1.0", request[Frame::request_id], "400", "not enrolled", "", ""},
          (request.size() > Frame::address ? request[Frame::address] : "an unknown address") +
              (key.empty() ? " without a key" : " with the key " + key)};
}

}  // namespace portoser::fleet
