/// The ids in X-Request-ID. Inside controller/http only.
#pragma once

#include "common/ids.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace portoser::http {

/// UUIDs of version 4. They name requests and keep no secret, so one draw from the kernel for each
/// connection is enough (splitmix64 from there). One thread at a time.
class RequestIds {
 public:
  RequestIds() { std::memcpy(&state_, random_bytes(sizeof state_).data(), sizeof state_); }

  void next(std::string& out) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::uint64_t bits = 0;
    out.assign(36, '-');
    for (std::size_t i = 0, used = 0; i < 36; ++i) {
      if (i == 8 || i == 13 || i == 18 || i == 23) continue;
      if (used++ % 16 == 0) bits = draw();
      out[i] = digits[bits & 15];
      bits >>= 4;
    }
    out[14] = '4';
    out[19] = "89ab"[draw() & 3];
  }

 private:
  std::uint64_t draw() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t state_ = 0;
};

}  // namespace portoser::http
