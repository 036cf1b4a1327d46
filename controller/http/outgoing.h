/// The bytes of an answer on their way out. Inside controller/http only.
#pragma once

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace portoser::http {

/// Head and text in one call where the kernel takes them. One thread at a time.
class Outgoing {
 public:
  /// Where the head is written; its memory is used again.
  std::string& head() { return head_; }
  /// What follows the head; must live until all is sent.
  void begin(std::string_view text);

  enum class Outcome { all, some, failed };
  /// Hands the kernel what it takes without waiting.
  Outcome send(int descriptor);
  /// What `send` left over.
  [[nodiscard]] std::array<boost::asio::const_buffer, 2> rest() const;

 private:
  std::string head_;
  std::string_view text_;
  std::size_t sent_ = 0;
};

}  // namespace portoser::http
