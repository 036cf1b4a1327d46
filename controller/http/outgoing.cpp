#include "controller/http/outgoing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace portoser::http {

void Outgoing::begin(std::string_view text) {
  text_ = text;
  sent_ = 0;
}

std::array<boost::asio::const_buffer, 2> Outgoing::rest() const {
  const auto of_head = std::min(sent_, head_.size());
  const auto of_text = sent_ - of_head;
  return {boost::asio::buffer(head_.data() + of_head, head_.size() - of_head),
          boost::asio::buffer(text_.data() + of_text, text_.size() - of_text)};
}

Outgoing::Outcome Outgoing::send(int descriptor) {
  const auto total = head_.size() + text_.size();
  while (sent_ < total) {
    const auto parts = rest();
    std::array<iovec, 2> vectors{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      // The kernel reads through the pointer, whatever its type says.
      vectors.at(i) = {const_cast<void*>(parts.at(i).data()), parts.at(i).size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = vectors.size();
    const auto taken = ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
    if (taken >= 0) {
      sent_ += static_cast<std::size_t>(taken);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Outcome::some;
    } else if (errno != EINTR) {
      return Outcome::failed;
    }
  }
  return Outcome::all;
}

}  // namespace portoser::http
