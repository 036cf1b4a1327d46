/// What other threads give the link to send. Any thread puts, the link's thread takes; `put` never
/// blocks.
///
/// Limits: a newer state replaces a waiting one; of samples and progress the oldest goes; events
/// and results, which the link takes within a moment and writes to disk, are refused when 10,000
/// wait. Answers are as many as questions are answered at a time. Of streams, their windows are the
/// limit: who puts chunks puts no more before credits come.
#pragma once

#include "common/file.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

namespace portoser::agent::link {

class Outbox {
 public:
  /// These three keep their order among each other: a result never overtakes its progress.
  using Ordered = std::variant<protocol::Event, protocol::CommandResult, protocol::Progress>;

  /// Of streams; these keep their order among each other too.
  using StreamMessage = std::variant<protocol::Chunk, protocol::Credit, protocol::StreamEnd>;

  struct Batch {
    std::optional<protocol::Hello> hello;
    std::deque<Ordered> ordered;
    std::vector<protocol::Answer> answers;
    std::optional<protocol::State> state;
    std::deque<protocol::Sample> samples;
    std::deque<StreamMessage> streams;
    std::vector<std::promise<bool>> flushes;  ///< who waits until `ordered` is on the disk
    bool stop = false;
    std::int64_t dropped_samples = 0;  ///< since the batch before
    std::int64_t dropped_progress = 0;
    std::int64_t dropped_durable = 0;
  };

  static constexpr std::size_t sample_limit = 64;
  static constexpr std::size_t progress_limit = 256;
  static constexpr std::size_t durable_limit = 10000;

  /// Cannot make an eventfd: `Error{internal}`.
  Outbox();

  void put(protocol::Hello hello);
  void put(Ordered message);
  void put(protocol::Answer answer);
  void put(protocol::State state);
  void put(protocol::Sample sample);
  void put(StreamMessage message);
  void put(std::promise<bool> flush);
  void put_stop();

  /// Readable while something waits.
  [[nodiscard]] int wake_descriptor() const { return wake_.get(); }
  Batch take();

 private:
  void put_progress(protocol::Progress progress);
  void wake();

  Descriptor wake_;
  std::mutex mutex_;
  Batch waiting_;
  std::size_t progress_ = 0;  ///< how many of `waiting_.ordered`
  bool is_awake_ = false;
};

}  // namespace portoser::agent::link
