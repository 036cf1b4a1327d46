#include "agent/transfer/pipe.h"

#include "agent/transfer/channel.h"
#include "agent/transfer/request.h"
#include "common/error.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

void make_nonblocking(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/// One way, with a block of it in memory.
class Way {
 public:
  Way(int from, int to) : from_(from), to_(to) {}

  [[nodiscard]] bool wants_input() const { return begin_ == end_ && !is_over_; }
  [[nodiscard]] bool wants_output() const { return begin_ != end_ && !is_over_; }
  /// All that came in went out, and nothing more comes; or it cannot go out.
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] bool is_broken() const { return is_broken_; }

  void take() {
    const auto got = ::read(from_, block_.data(), block_.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    begin_ = 0;
    end_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got > 0) return;
    is_over_ = true;
    is_broken_ = got < 0;
  }
  void give() {
    const auto done = ::write(to_, block_.data() + begin_, end_ - begin_);
    if (done >= 0) {
      begin_ += static_cast<std::size_t>(done);
    } else if (errno != EINTR && errno != EAGAIN) {
      is_over_ = true;
      is_broken_ = true;
    }
  }

 private:
  int from_;
  int to_;
  std::array<char, std::size_t{64} << 10U> block_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool is_over_ = false;
  bool is_broken_ = false;
};

/// Until the other host has said all: rsync keeps its own way open until its remote shell is gone.
/// It makes its side of a pipe non-blocking, and we ours, so that neither way waits for the other.
bool join(int socket, int input, int output) {
  constexpr int patience_ms = 60'000;  // for the other host's end, once rsync has nothing to say
  Way up{input, socket};
  Way down{socket, output};
  bool has_shut = false;
  while (!down.is_over()) {
    std::array<pollfd, 4> sources{{{up.wants_input() ? input : -1, POLLIN, 0},
                                   {up.wants_output() ? socket : -1, POLLOUT, 0},
                                   {down.wants_input() ? socket : -1, POLLIN, 0},
                                   {down.wants_output() ? output : -1, POLLOUT, 0}}};
    const int ready = ::poll(sources.data(), sources.size(), up.is_over() ? patience_ms : -1);
    if (ready < 0) continue;
    if (ready == 0) return false;
    if (sources[0].revents != 0) up.take();
    if (sources[1].revents != 0) up.give();
    if (sources[2].revents != 0) down.take();
    if (sources[3].revents != 0) down.give();
    if (up.is_over() && !has_shut) {
      ::shutdown(socket, SHUT_WR);
      has_shut = true;
    }
  }
  return !down.is_broken();
}

}  // namespace

int run_pipe(const std::vector<std::string>& words, int input, int output) {
  constexpr std::size_t own = 5;  // SOCKET STREAM ROOT HOST "rsync"
  if (words.size() < own || words[4] != "rsync") {
    throw Error{Code::invalid, "pipe is called by rsync alone"};
  }
  Request request;
  request.wants = "rsync";
  const auto& root = words[2];
  const auto* end = root.data() + root.size();
  if (std::from_chars(root.data(), end, request.root).ptr != end) {
    throw Error{Code::invalid, "\"" + root + "\" is no number of a root"};
  }
  request.arguments.assign(words.begin() + own, words.end());
  Channel channel{words[0], words[1]};
  channel.write(to_line(request) + "\n");
  make_nonblocking(channel.descriptor());
  make_nonblocking(input);
  make_nonblocking(output);
  return join(channel.descriptor(), input, output) ? 0 : 1;
}

}  // namespace portoser::agent::transfer
