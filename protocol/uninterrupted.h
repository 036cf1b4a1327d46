/// Calls of libzmq that a signal cut off before they did anything.
#pragma once

#include <zmq.hpp>

#include <cerrno>

namespace portoser::protocol {

/// The call's own result; it is made again as long as it says EINTR. Other errors are thrown on.
template <class Call>
auto uninterrupted(Call call) -> decltype(call()) {
  for (;;) {
    try {
      return call();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

}  // namespace portoser::protocol
