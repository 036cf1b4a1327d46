/// What the sending host answers to "manifest" and "image": lines, some of which announce bytes.
///   "= LINE"            an entry of a manifest
///   "+ COUNT"           so many bytes of an image follow
///   "end"               that was all
///   "failed: SENTENCE"  it could not go on
///   "working"           nothing yet; a stream without a byte would be taken for one that hangs
/// So each side can tell an end from a stream that broke. Blocking.
#pragma once

#include "agent/transfer/channel.h"
#include "agent/transfer/manifest.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::transfer {

/// Sending. Small parts are gathered.
class AnswerWriter {
 public:
  /// `quiet`: so long nothing may go out while there is work.
  explicit AnswerWriter(Channel& channel,
                        std::chrono::milliseconds quiet = std::chrono::seconds{10})
      : channel_(channel), quiet_(quiet) {}

  void entry(const Entry& entry);
  void bytes(std::string_view block);
  void end();
  void failed(const std::string& sentence);
  /// Between parts, as often as one likes: says so to the other host now and then.
  void alive();

 private:
  void put(std::string_view text);
  void flush();

  Channel& channel_;
  std::chrono::milliseconds quiet_;
  std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now();
  std::string waiting_;
};

/// Receiving. "failed" of the other host, and what is no such answer: `Error{internal}`; a stream
/// that ends before "end": TRANSFER_CUT.
class AnswerReader {
 public:
  explicit AnswerReader(Channel& channel) : channel_(channel) {}

  std::optional<Entry> entry();  ///< none: that was all
  /// How many bytes it gave; 0: that was all.
  std::size_t bytes(char* out, std::size_t size);

 private:
  void fill();
  std::string line();
  bool begin_part(std::string& text);

  Channel& channel_;
  std::string block_;      ///< received
  std::size_t taken_ = 0;  ///< of that, given out
  std::size_t left_ = 0;   ///< of the bytes that were announced
  bool ended_ = false;
};

}  // namespace portoser::agent::transfer
