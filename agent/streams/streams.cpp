#include "agent/streams/streams.h"

#include "agent/streams/listen.h"
#include "common/log.h"
#include "protocol/stream_id.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace portoser::agent::streams {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds listen_again{30};
constexpr std::chrono::seconds accept_again{1};
/// A name, its line feed, and what was written behind it in the same breath.
constexpr std::size_t longest_head = 256;
constexpr std::size_t most_broken = 64;

/// What is there without waiting, up to the end of `buffer`. An end of the stream is left to the
/// next read.
std::size_t read_what_is_there(int socket, std::string& buffer, std::size_t used) {
  while (used < buffer.size()) {
    const auto got = ::recv(socket, buffer.data() + used, buffer.size() - used, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += static_cast<std::size_t>(got);
  }
  return used;
}

}  // namespace

/// A connection and, once it has named one, its stream.
struct Streams::Program {
  Program(const asio::any_io_executor& executor, int descriptor, std::shared_ptr<const char> place)
      : socket(executor, asio::local::stream_protocol{}, descriptor),
        room(executor, Steady::time_point::max()),
        arrival(executor, Steady::time_point::max()),
        place_of_its_own(std::move(place)) {}

  asio::local::stream_protocol::socket socket;
  std::string id;
  std::string head;  ///< what it wrote together with the name
  bool is_over = false;

  // From the program.
  std::int64_t next = 0;
  std::int64_t credited = 0;
  bool has_ended = false;
  asio::steady_timer room;  ///< never expires; cancelled when a credit has come

  // To the program.
  Incoming incoming;
  bool has_delivered = false;  ///< all of it, and the end
  asio::steady_timer arrival;  ///< never expires; cancelled when something has come

  std::shared_ptr<const char> place_of_its_own;
};

Streams::Streams(asio::any_io_executor executor, StreamsSettings settings, Send send)
    : executor_(executor),
      settings_(std::move(settings)),
      send_(std::move(send)),
      listener_(executor),
      tasks_(std::move(executor)) {
  tasks_.spawn("streams", listen());
}

void Streams::link_lost() {
  is_linked_ = false;
  unclaimed_.clear();
  for (const auto& [id, program] : std::exchange(programs_, {})) {
    log::info("streams", "a stream broke", {{"stream", id}, {"problem", "the link was lost"}});
    close(*program);
  }
}

void Streams::stop() {
  tasks_.stop();
  link_lost();
  boost::system::error_code ignored;
  listener_.close(ignored);
}

asio::awaitable<void> Streams::listen() {
  while (!open_listener()) co_await pause(listen_again);
  for (;;) {
    co_await listener_.async_wait(asio::socket_base::wait_read, asio::use_awaitable);
    // Not by Asio, whose sockets would be inherited by every program that the agent starts.
    Descriptor accepted{
        ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (accepted.is_open()) {
      admit(std::move(accepted));
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      log::warn("streams", "a program cannot be let in", {{"reason", std::strerror(errno)}});
      co_await pause(accept_again);
    }
  }
}

bool Streams::open_listener() {
  try {
    auto socket = listen_at(settings_.socket);
    listener_.assign(asio::local::stream_protocol{}, socket.get());
    socket.release();
    return true;
  } catch (const std::exception& error) {
    log::warn("streams", "programs cannot reach other hosts", {{"reason", error.what()}});
    return false;
  }
}

void Streams::admit(Descriptor descriptor) {
  const auto connected = static_cast<std::size_t>(connections_.use_count()) - 1;
  if (connected >= settings_.most_programs) {
    log::warn("streams", "a program was turned away: too many streams", {{"streams", connected}});
    return;
  }
  try {
    auto program = std::make_shared<Program>(executor_, descriptor.get(), connections_);
    descriptor.release();
    tasks_.spawn("name of a stream", greet(std::move(program)));
  } catch (const boost::system::system_error& error) {
    log::warn("streams", "a program cannot be let in", {{"reason", error.what()}});
  }
}

asio::awaitable<void> Streams::greet(ProgramPointer program) {
  bool has_named = false;
  try {
    auto reading = read_name(program);
    has_named = co_await with_deadline(std::move(reading), settings_.greeting, "naming a stream");
  } catch (const Error& error) {
    log::info("streams", "a program was turned away", {{"reason", error.message()}});
  }
  if (has_named) claim(program);
}

asio::awaitable<bool> Streams::read_name(ProgramPointer program) {
  boost::system::error_code failure;
  auto head = asio::dynamic_buffer(program->head, longest_head);
  const auto end = co_await asio::async_read_until(
      program->socket, head, '\n', asio::redirect_error(asio::use_awaitable, failure));
  if (!failure) {
    program->id = program->head.substr(0, end - 1);
    program->head.erase(0, end);
  }
  const bool is_named = !failure && protocol::is_stream_id(program->id);
  if (!is_named && failure != asio::error::operation_aborted) {
    log::info("streams", "a program was turned away", {{"reason", "it named no stream"}});
  }
  co_return is_named;
}

void Streams::claim(const ProgramPointer& program) {
  const auto& id = program->id;
  const char* refusal = nullptr;
  if (!is_linked_) refusal = "there is no link to the controller";
  if (is_broken(id)) refusal = "it broke before";
  if (programs_.contains(id)) refusal = "another program has it";
  if (refusal != nullptr) {
    log::info("streams", "a stream was refused", {{"stream", id}, {"reason", refusal}});
    return;
  }
  if (const auto waiting = unclaimed_.find(id); waiting != unclaimed_.end()) {
    program->incoming = std::move(waiting->second.incoming);
    unclaimed_.erase(waiting);
  }
  programs_.emplace(id, program);
  tasks_.spawn("stream from a program", collect(program));
  tasks_.spawn("stream to a program", deliver(program));
}

/// From the program to the other host.
asio::awaitable<void> Streams::collect(ProgramPointer program) {
  std::string buffer(protocol::Chunk::data_limit, '\0');
  auto used = program->head.copy(buffer.data(), buffer.size());
  for (;;) {
    while (!program->is_over && program->next - program->credited >= protocol::Chunk::window) {
      boost::system::error_code woken;
      co_await program->room.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    if (program->is_over) co_return;
    if (used == 0) {
      boost::system::error_code failure;
      used = co_await program->socket.async_read_some(
          asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failure));
      if (program->is_over) co_return;
      if (failure == asio::error::eof) break;
      if (failure) {
        break_stream(program->id, "its program went away: " + failure.message());
        co_return;
      }
    }
    // The window counts chunks: a program that writes little at a time should fill them all the
    // same. What it wrote while the window was full is there now.
    used = read_what_is_there(program->socket.native_handle(), buffer, used);
    protocol::Chunk chunk;
    chunk.stream = program->id;
    chunk.number = program->next++;
    chunk.data.data.assign(buffer, 0, std::exchange(used, 0));
    send_(std::move(chunk));
  }
  program->has_ended = true;
  protocol::StreamEnd end;
  end.stream = program->id;
  end.number = program->next;
  send_(std::move(end));
  finish_when_done(program);
}

/// From the other host to the program.
asio::awaitable<void> Streams::deliver(ProgramPointer program) {
  auto& incoming = program->incoming;
  for (;;) {
    while (!program->is_over && incoming.waiting.empty() && !incoming.is_ended) {
      boost::system::error_code woken;
      co_await program->arrival.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    if (program->is_over) co_return;
    if (incoming.waiting.empty()) break;
    const auto data = std::move(incoming.waiting.front());
    incoming.waiting.pop_front();
    boost::system::error_code failure;
    co_await asio::async_write(
        program->socket, asio::buffer(data), asio::redirect_error(asio::use_awaitable, failure));
    if (program->is_over) co_return;
    if (failure) {
      break_stream(program->id, "its program does not read any more: " + failure.message());
      co_return;
    }
    protocol::Credit credit;
    credit.stream = program->id;
    credit.next = ++incoming.taken;
    send_(std::move(credit));
  }
  boost::system::error_code ignored;
  program->socket.shutdown(asio::socket_base::shutdown_send, ignored);
  program->has_delivered = true;
  finish_when_done(program);
}

/// A stream counts until the other program has taken all of it: so what waits in the link is
/// bounded by the number of streams, however short they are.
void Streams::finish_when_done(const ProgramPointer& program) {
  const bool is_taken = program->has_ended && program->credited == program->next;
  if (program->is_over || !is_taken || !program->has_delivered) return;
  programs_.erase(program->id);
  close(*program);
}

void Streams::take(protocol::Chunk chunk) {
  const auto id = chunk.stream;
  auto* incoming = incoming_of(id);
  if (incoming == nullptr) return;
  if (const auto problem = incoming->add(std::move(chunk))) {
    break_stream(id, *problem);
  } else {
    wake(id);
  }
}

void Streams::take(const protocol::StreamEnd& end) {
  if (!end.problem.empty()) {
    if (drop_all_of(end.stream)) {
      log::info("streams", "a stream broke", {{"stream", end.stream}, {"problem", end.problem}});
    }
    return;
  }
  auto* incoming = incoming_of(end.stream);
  if (incoming == nullptr) return;
  if (const auto problem = incoming->end(end.number)) {
    break_stream(end.stream, *problem);
  } else {
    wake(end.stream);
  }
}

void Streams::take(const protocol::Credit& credit) {
  const auto found = programs_.find(credit.stream);
  if (found == programs_.end()) return;  // it broke meanwhile
  const auto program = found->second;
  if (credit.next > program->next) {
    break_stream(credit.stream, "more of it was taken than was sent");
    return;
  }
  program->credited = std::max(program->credited, credit.next);
  program->room.cancel();
  finish_when_done(program);
}

/// Nullptr: it is refused, or over.
Incoming* Streams::incoming_of(const std::string& id) {
  const auto found = programs_.find(id);
  return found != programs_.end() ? &found->second->incoming : wait_for_program(id);
}

Incoming* Streams::wait_for_program(const std::string& id) {
  if (const auto found = unclaimed_.find(id); found != unclaimed_.end()) {
    return &found->second.incoming;
  }
  if (!is_linked_ || is_broken(id)) return nullptr;
  if (!protocol::is_stream_id(id)) {
    break_stream(id, "this is no name of a stream");
    return nullptr;
  }
  if (unclaimed_.size() >= settings_.most_unclaimed) {
    break_stream(id, "too many streams wait for their programs here");
    return nullptr;
  }
  auto& waiting = unclaimed_[id];
  waiting.until = Steady::now() + settings_.unclaimed;
  if (!std::exchange(is_expiring_, true)) tasks_.spawn("unclaimed streams", expire());
  return &waiting.incoming;
}

asio::awaitable<void> Streams::expire() {
  while (!unclaimed_.empty()) {
    const auto first =
        std::min_element(unclaimed_.begin(), unclaimed_.end(), [](const auto& a, const auto& b) {
          return a.second.until < b.second.until;
        });
    const auto rest = first->second.until - Steady::now();
    co_await pause(rest);
    std::vector<std::string> over;
    for (const auto& [id, waiting] : unclaimed_) {
      if (waiting.until <= Steady::now()) over.push_back(id);
    }
    for (const auto& id : over) break_stream(id, "no program has opened it there");
  }
  is_expiring_ = false;
}

void Streams::wake(const std::string& id) {
  if (const auto found = programs_.find(id); found != programs_.end()) {
    found->second->arrival.cancel();
  }
}

/// From here: the other host is told.
void Streams::break_stream(const std::string& id, const std::string& problem) {
  log::info("streams", "a stream broke", {{"stream", id}, {"problem", problem}});
  protocol::StreamEnd end;
  end.stream = id;
  end.problem = problem;
  drop_all_of(end.stream);
  send_(std::move(end));
}

/// True: something of it was here.
bool Streams::drop_all_of(const std::string& id) {
  remember_broken(id);
  const auto waiting = std::erase_if(
      unclaimed_, [&](const auto& one) { return protocol::is_part_of_stream(one.first, id); });
  const auto opened = std::erase_if(programs_, [&](const auto& one) {
    if (!protocol::is_part_of_stream(one.first, id)) return false;
    close(*one.second);
    return true;
  });
  return waiting + opened > 0;
}

void Streams::remember_broken(const std::string& id) {
  if (!protocol::is_stream_id(id)) return;
  if (broken_.size() >= most_broken) broken_.pop_front();
  broken_.push_back(id);
}

bool Streams::is_broken(const std::string& id) const {
  return std::any_of(broken_.begin(), broken_.end(), [&](const auto& one) {
    return protocol::is_part_of_stream(id, one);
  });
}

void Streams::close(Program& program) {
  program.is_over = true;
  boost::system::error_code ignored;
  program.socket.close(ignored);
  program.room.cancel();
  program.arrival.cancel();
}

}  // namespace portoser::agent::streams
