#include "controller/fleet/streams.h"

#include "common/log.h"
#include "protocol/stream_id.h"

#include <utility>

namespace portoser::fleet {
namespace {

/// Of one stream, whatever becomes of them.
constexpr std::size_t most_parts = 1000;

}  // namespace

void Streams::open(std::string id, std::string host_a, std::string host_b) {
  Stream stream;
  stream.host_a = std::move(host_a);
  stream.host_b = std::move(host_b);
  streams_.insert_or_assign(std::move(id), std::move(stream));
}

void Streams::close(const std::string& id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  // Also where no part is left: a program may have opened one and not said anything yet.
  if (found->second.reading.problem.empty()) break_all(id, found->second, "the transfer is over");
  streams_.erase(found);
}

StreamReading Streams::read(const std::string& id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? StreamReading{} : found->second.reading;
}

void Streams::take(const std::string& host, protocol::Chunk chunk) {
  const auto place = find(host, chunk.stream);
  if (place.stream == nullptr) return;
  auto& way = *place.way;
  const auto size = chunk.data.data.size();
  if (size > protocol::Chunk::data_limit) {
    return break_part(*place.stream, chunk.stream, "a piece of it is too large");
  }
  if (way.is_ended || chunk.number != way.next) {
    return break_part(*place.stream, chunk.stream, "a piece of it is missing");
  }
  if (way.next - way.credited >= protocol::Chunk::window) {
    return break_part(*place.stream, chunk.stream, "more of it came than was asked for");
  }
  ++way.next;
  auto& reading = place.stream->reading;
  (place.is_from_a ? reading.a_to_b_bytes : reading.b_to_a_bytes) +=
      static_cast<std::int64_t>(size);
  const auto id = chunk.stream;
  relay(place, id, std::move(chunk));
}

void Streams::take(const std::string& host, const protocol::Credit& credit) {
  const auto base = streams_.find(protocol::base_of_stream(credit.stream));
  if (base != streams_.end() && !base->second.parts.contains(credit.stream)) return;  // it is over
  const auto place = find(host, credit.stream);
  if (place.stream == nullptr) return;
  auto& way = *place.way_back;
  if (credit.next > way.next) {
    return break_part(*place.stream, credit.stream, "more of it was taken than was sent");
  }
  if (credit.next <= way.credited) return;
  way.credited = credit.next;
  relay(place, credit.stream, credit);
  forget_when_done(place, credit.stream);
}

void Streams::take(const std::string& host, const protocol::StreamEnd& end) {
  const bool is_broken = !end.problem.empty();
  const auto place = find(host, end.stream, !is_broken);
  if (place.stream == nullptr) return;
  if (is_broken) {
    log::info("fleet",
              "a stream broke",
              {{"stream", end.stream}, {"host", host}, {"problem", end.problem.substr(0, 200)}});
    place.part->is_broken = true;
    tell_end(place.other, end.stream, end.problem);
    return;
  }
  if (place.way->is_ended || end.number != place.way->next) {
    return break_part(*place.stream, end.stream, "a piece of it is missing");
  }
  place.way->is_ended = true;
  relay(place, end.stream, end);
  forget_when_done(place, end.stream);
}

Streams::Place Streams::find(const std::string& host, const std::string& id, bool is_answered) {
  Place place;
  const auto refused = [&](std::string_view problem) {
    if (is_answered) refuse(host, id, problem);
    return place;
  };
  const auto found = streams_.find(protocol::base_of_stream(id));
  if (found == streams_.end() || !protocol::is_stream_id(id)) {
    return refused("there is no such stream");
  }
  auto& stream = found->second;
  if (host != stream.host_a && host != stream.host_b) {
    return refused("this stream is not between this host and another");
  }
  if (!stream.reading.problem.empty()) return refused(stream.reading.problem);
  if (stream.parts.size() >= most_parts && !stream.parts.contains(id)) {
    return refused("this stream has too many numbers");
  }
  auto& part = stream.parts[id];
  if (part.is_broken) return refused("it broke before");
  place.stream = &stream;
  place.part = &part;
  place.is_from_a = host == stream.host_a;
  place.way = place.is_from_a ? &part.from_a : &part.from_b;
  place.way_back = place.is_from_a ? &part.from_b : &part.from_a;
  place.other = place.is_from_a ? stream.host_b : stream.host_a;
  return place;
}

/// Its program must not wait for what nobody hands on.
void Streams::refuse(const std::string& host, const std::string& id, std::string_view problem) {
  log::debug("fleet", "a stream was refused", {{"host", host}, {"problem", problem}});
  tell_end(host, id, problem);
}

void Streams::relay(const Place& place, const std::string& id, StreamMessage message) {
  if (!send_(place.other, message)) break_part(*place.stream, id, "the other host is away");
}

void Streams::forget_when_done(const Place& place, const std::string& id) {
  const bool is_done = place.way->is_done() && place.way_back->is_done();
  if (is_done && !place.part->is_broken) place.stream->parts.erase(id);
}

void Streams::break_part(Stream& stream, const std::string& id, std::string_view problem) {
  auto& part = stream.parts[id];
  if (std::exchange(part.is_broken, true)) return;
  log::info("fleet", "a stream broke", {{"stream", id}, {"problem", problem}});
  tell_end(stream.host_a, id, problem);
  tell_end(stream.host_b, id, problem);
}

void Streams::break_all(const std::string& id, Stream& stream, std::string_view problem) {
  stream.reading.problem = problem;
  stream.parts.clear();
  tell_end(stream.host_a, id, problem);
  tell_end(stream.host_b, id, problem);
}

void Streams::tell_end(const std::string& host, const std::string& id, std::string_view problem) {
  protocol::StreamEnd end;
  end.stream = id;
  end.problem = problem;
  send_(host, end);
}

void Streams::lose_host(const std::string& host, std::string_view problem) {
  for (auto& [id, stream] : streams_) {
    const bool is_its = host == stream.host_a || host == stream.host_b;
    if (!is_its || !stream.reading.problem.empty()) continue;
    log::info("fleet", "a stream broke", {{"stream", id}, {"host", host}, {"problem", problem}});
    break_all(id, stream, problem);
  }
}

void Streams::lost(const std::string& stream) {
  const auto found = streams_.find(protocol::base_of_stream(stream));
  if (found == streams_.end() || !found->second.reading.problem.empty()) return;
  break_part(found->second, stream, "a piece of it could not be sent on");
}

}  // namespace portoser::fleet
