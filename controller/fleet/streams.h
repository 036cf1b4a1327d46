/// Streams between programs of two hosts, relayed as they come. Nothing is kept here but numbers:
/// what is under way is bounded by the windows, which are checked. On the fleet's executor.
#pragma once

#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace portoser::fleet {

/// How much has come through a stream, of all its numbers.
struct StreamReading {
  std::int64_t a_to_b_bytes = 0;
  std::int64_t b_to_a_bytes = 0;
  std::string problem;  ///< a sentence for a person; empty: it has not been broken as a whole
};

using StreamMessage = std::variant<protocol::Chunk, protocol::Credit, protocol::StreamEnd>;

class Streams {
 public:
  /// False: the host does not listen. What is lost later than that is told by `lost`.
  using Send = std::function<bool(const std::string& host, const StreamMessage& message)>;

  explicit Streams(Send send) : send_(std::move(send)) {}

  /// From now on these two hosts, which are not the same, may speak over the stream `id`, a ULID,
  /// and its numbers
  /// ("<id>.0"). One that is open begins anew.
  void open(std::string id, std::string host_a, std::string host_b);
  /// Breaks what is left of it, and forgets it. Unknown ids are ignored.
  void close(const std::string& id);
  /// Zero when it is not open.
  [[nodiscard]] StreamReading read(const std::string& id) const;

  // From a host. What does not belong to a stream that is open between it and another one is
  // answered with its end.
  void take(const std::string& host, protocol::Chunk chunk);
  void take(const std::string& host, const protocol::Credit& credit);
  void take(const std::string& host, const protocol::StreamEnd& end);

  /// All streams of the host break. It is told too, if it listens.
  void lose_host(const std::string& host, std::string_view problem);
  /// A message of this stream did not reach its host.
  void lost(const std::string& stream);

 private:
  /// One way of one number of a stream.
  struct Way {
    std::int64_t next = 0;
    std::int64_t credited = 0;
    bool is_ended = false;
    [[nodiscard]] bool is_done() const { return is_ended && credited == next; }
  };
  struct Part {
    Way from_a;
    Way from_b;
    bool is_broken = false;
  };
  struct Stream {
    std::string host_a;
    std::string host_b;
    std::map<std::string, Part> parts;  ///< by name; one that ended well is gone
    StreamReading reading;
  };
  /// What a message of a host is about.
  struct Place {
    Stream* stream = nullptr;  ///< null: it was answered
    Part* part = nullptr;
    Way* way = nullptr;       ///< of what the host sends
    Way* way_back = nullptr;  ///< of what it receives
    std::string other;        ///< the host over there
    bool is_from_a = false;
  };

  Place find(const std::string& host, const std::string& id, bool is_answered = true);
  void refuse(const std::string& host, const std::string& id, std::string_view problem);
  void relay(const Place& place, const std::string& id, StreamMessage message);
  void forget_when_done(const Place& place, const std::string& id);
  void break_part(Stream& stream, const std::string& id, std::string_view problem);
  void break_all(const std::string& id, Stream& stream, std::string_view problem);
  void tell_end(const std::string& host, const std::string& id, std::string_view problem);

  Send send_;
  std::map<std::string, Stream, std::less<>> streams_;  ///< by id without a number
};

}  // namespace portoser::fleet
