#include "controller/telemetry/remote_write.h"

#include "common/error.h"
#include "common/log.h"
#include "controller/telemetry/series_tiers.h"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace portoser::telemetry {
namespace {

/// In one batch; and how many are dropped in one transaction.
constexpr std::size_t rows_at_once = 500;
constexpr std::int64_t drops_at_once = 5000;

}  // namespace

RemoteWrite::RemoteWrite(storage::Database& database,
                         Series& series,
                         const Live& live,
                         const Clock& clock,
                         RemoteWriteSettings settings)
    : store_(database),
      series_(series),
      live_(live),
      clock_(clock),
      settings_(std::move(settings)),
      heard_within_(settings_.heard_within),
      back_off_(settings_.least_pause, settings_.most_pause),
      removal_back_off_(settings_.idle, settings_.most_pause),
      batch_size_(rows_at_once) {
  if (settings_.target.url.empty()) return;
  stats_.is_on = true;
  stats_.limit_bytes = settings_.queue_bytes;
  sender_.emplace(settings_.target, given_up_);
  series_.set_tap(*this);
}

asio::awaitable<void> RemoteWrite::start() {
  if (!sender_) co_return;
  auto waiting = co_await store_.size();
  const std::lock_guard lock{mutex_};
  stats_.waiting = waiting;
}

/// A database that takes nothing must not keep the controller from its other work.
asio::awaitable<void> RemoteWrite::drop_all() {
  bool is_told = false;
  for (;;) {
    try {
      auto waiting = co_await store_.size();
      if (waiting.rows > 0 && !std::exchange(is_told, true)) {
        log::warn("telemetry",
                  "samples for remote write are dropped: it is switched off",
                  {{"samples", waiting.samples}});
      }
      while (waiting.rows > 0) {
        const auto dropped = co_await store_.drop(drops_at_once, waiting.bytes + 1);
        waiting.rows = dropped.rows;
      }
      co_return;
    } catch (const Error& error) {
      log::debug("telemetry", "remote write waits for the database", {{"reason", error.what()}});
    }
    co_await pause(back_off_.next());
  }
}

asio::awaitable<void> RemoteWrite::run() {
  if (!sender_) {
    co_await drop_all();
    co_return;
  }
  log::info("telemetry",
            "samples are sent by remote write",
            {{"url", shown_url(settings_.target.url)}, {"waiting", stats().waiting.samples}});
  for (;;) {
    auto pause_for = settings_.idle;
    try {
      co_await keep_within_limit();
      pause_for = co_await send_some();
    } catch (const boost::system::system_error&) {
      throw;  // the stop
    } catch (const std::exception& error) {
      // The database says what is wrong with it.
      log::debug("telemetry", "remote write waits for the database", {{"reason", error.what()}});
    }
    co_await rest(pause_for);
  }
}

/// A long rest must not let the queue grow beyond its limit.
asio::awaitable<void> RemoteWrite::rest(std::chrono::milliseconds duration) {
  constexpr std::chrono::milliseconds look_every{1000};
  for (;;) {
    const auto part = std::min(duration, look_every);
    co_await pause(part);
    for (const auto& complaint : complaints_.due(clock_.uptime())) tell(complaint);
    duration -= part;
    if (duration.count() <= 0) co_return;
    try {
      co_await keep_within_limit();
    } catch (const Error&) {  // as above; the next look tries again
    }
  }
}

asio::awaitable<void> RemoteWrite::keep_within_limit() {
  for (;;) {
    const auto over = stats().waiting.bytes - settings_.queue_bytes;
    if (over <= 0) co_return;
    if (settled_) {  // not given up: it was sent
      co_await take_out();
      if (settled_) co_return;
      continue;
    }
    const auto dropped = co_await store_.drop(drops_at_once, over);
    if (dropped.rows == 0) {
      auto waiting = co_await store_.size();  // we counted wrong
      const std::lock_guard lock{mutex_};
      stats_.waiting = waiting;
      co_return;
    }
    take_off(dropped);
    {
      const std::lock_guard lock{mutex_};
      stats_.given_up += dropped.samples;
    }
    complain(Trouble::given_up, std::to_string(settings_.queue_bytes) + " bytes");
  }
}

asio::awaitable<std::chrono::milliseconds> RemoteWrite::send_some() {
  if (settled_) co_return co_await take_out();
  if (stats().waiting.rows == 0) co_return settings_.idle;
  const auto most = static_cast<std::int64_t>(settings_.max_samples_per_send);
  const auto most_rows = static_cast<std::int64_t>(batch_size_.rows());
  auto rows = co_await store_.oldest(most_rows, most);
  if (rows.empty()) {
    const auto waiting = co_await store_.size();
    const std::lock_guard lock{mutex_};
    stats_.waiting = waiting;
    co_return settings_.idle;
  }
  auto work = [this, &rows] { return send_batch(rows); };
  auto sent = co_await on_pool(pool_, std::move(work));
  if (auto& failure = sent.failure) {
    bool is_refusal = failure->kind == SendOutcome::Kind::refused;
    if (!is_refusal) is_refusal = co_await is_about(rows, *failure);
    if (!is_refusal) co_return failed(*failure);
    if (rows.size() > 1) {
      batch_size_.refused(rows.size());
      narrow(*failure);
      co_return std::chrono::milliseconds{0};
    }
    sent.refused = rows.front().samples - sent.taken;
    sent.refusal = failure->reason;
  }
  if (sent.refused > 0) {
    batch_size_.refused(rows.size());
  } else {
    batch_size_.taken(rows.size());
  }
  settle(rows, sent);
  co_return co_await take_out();
}

asio::awaitable<std::chrono::milliseconds> RemoteWrite::take_out() {
  std::string problem;
  try {
    auto ids = settled_->ids;
    co_await store_.remove(std::move(ids));
  } catch (const Error& error) {
    problem = error.what();
  }
  if (!problem.empty()) {
    const std::lock_guard lock{mutex_};
    stats_.last_problem = "what it has stays in the queue: " + problem;
    co_return removal_back_off_.next();
  }
  removal_back_off_.reset();
  take_off(settled_->size);
  {
    const std::lock_guard lock{mutex_};
    stats_.last_problem = settled_->refusal;
  }
  settled_.reset();
  // Much waits after an outage: it is sent as quickly as the store takes it.
  const auto most = static_cast<std::int64_t>(settings_.max_samples_per_send);
  const bool is_more = stats().waiting.samples >= most || batch_size_.is_narrowed();
  co_return is_more ? std::chrono::milliseconds{0} : settings_.idle;
}

RemoteWrite::Sent RemoteWrite::send_batch(const std::vector<storage::OutgoingSample>& rows) {
  Sent sent;
  const auto made = make_requests(rows, settings_.external_labels, settings_.max_samples_per_send);
  sent.damaged = made.damaged;
  for (const auto& request : made.requests) {
    auto outcome = sender_->send(request.body);
    const bool is_refused_whole = outcome.kind == SendOutcome::Kind::refused && rows.size() > 1;
    if (outcome.kind == SendOutcome::Kind::failed || is_refused_whole) {
      sent.failure = std::move(outcome);
      return sent;
    }
    ++sent.requests;
    if (outcome.kind == SendOutcome::Kind::taken) {
      sent.taken += request.samples;
    } else {
      sent.refused += request.samples;
      sent.refusal = std::move(outcome.reason);
    }
  }
  return sent;
}

/// Whether the store takes others and fails at these rows. That is asked with series of their own:
/// rows behind these must not overtake them, a store may refuse what is older than its newest.
asio::awaitable<bool> RemoteWrite::is_about(const std::vector<storage::OutgoingSample>& rows,
                                            const SendOutcome& failure) {
  if (!may_be_about_samples(failure)) {
    batch_size_.unanswered();
    co_return false;
  }
  if (!batch_size_.is_suspect(rows.front().id, rows.size())) co_return false;
  const auto probe = make_probe(to_ms(clock_.now()), settings_.external_labels);
  auto work = [this, &probe, &rows] {
    if (sender_->send(probe.body).kind != SendOutcome::Kind::taken) return false;
    if (rows.size() > 1) return true;
    // It is to be dropped: the store may have come back just before the probe.
    const auto again = send_batch(rows);
    return again.failure && may_be_about_samples(*again.failure);
  };
  co_return co_await on_pool(pool_, std::move(work));
}

/// It is sent again in parts at once. What is refused in the end is told then.
void RemoteWrite::narrow(const SendOutcome& refusal) {
  back_off_.reset();
  const std::lock_guard lock{mutex_};
  ++stats_.failed_sends;
  stats_.last_problem = refusal.reason;
}

std::chrono::milliseconds RemoteWrite::failed(const SendOutcome& failure) {
  if (given_up_) return settings_.idle;
  {
    const std::lock_guard lock{mutex_};
    ++stats_.failed_sends;
    stats_.last_problem = failure.reason;
    if (!stats_.failing_since) stats_.failing_since = clock_.now();
  }
  complain(Trouble::failed, failure.reason);
  return back_off_.next(failure.retry_after);
}

void RemoteWrite::settle(const std::vector<storage::OutgoingSample>& rows, const Sent& sent) {
  back_off_.reset();
  auto& settled = settled_.emplace();
  settled.refusal = sent.refusal;
  auto& gone = settled.size;
  for (const auto& row : rows) {
    settled.ids.push_back(row.id);
    ++gone.rows;
    gone.samples += row.samples;
    gone.bytes += static_cast<std::int64_t>(row.data.size());
  }
  // What follows is not older, or nothing follows.
  gone.oldest_ms = rows.back().queued_ms;
  bool has_come_back = false;
  {
    const std::lock_guard lock{mutex_};
    stats_.sent += sent.taken;
    stats_.refused += sent.refused;
    stats_.damaged += sent.damaged;
    stats_.sends += sent.requests;
    if (sent.taken > 0) stats_.succeeded_at = clock_.now();
    has_come_back = stats_.failing_since.has_value();
    stats_.failing_since.reset();
    stats_.last_problem = sent.refusal;
  }
  if (has_come_back) log::info("telemetry", "the store of remote write takes samples again");
  if (sent.refused > 0) complain(Trouble::refused, sent.refusal);
}

/// `size.oldest_ms` is of the queue without it, or older.
void RemoteWrite::take_off(const storage::OutgoingSize& size) {
  const std::lock_guard lock{mutex_};
  auto& waiting = stats_.waiting;
  waiting.rows = std::max<std::int64_t>(waiting.rows - size.rows, 0);
  waiting.samples = std::max<std::int64_t>(waiting.samples - size.samples, 0);
  waiting.bytes = std::max<std::int64_t>(waiting.bytes - size.bytes, 0);
  waiting.oldest_ms = waiting.rows > 0 ? size.oldest_ms : std::nullopt;
}

void RemoteWrite::stored(const storage::OutgoingSize& size) {
  const std::lock_guard lock{mutex_};
  auto& waiting = stats_.waiting;
  waiting.rows += size.rows;
  waiting.samples += size.samples;
  waiting.bytes += size.bytes;
  if (!waiting.oldest_ms) waiting.oldest_ms = size.oldest_ms;
}

void RemoteWrite::lost(const storage::OutgoingSize& size) {
  const std::lock_guard lock{mutex_};
  stats_.not_stored += size.samples;
}

RemoteWriteStats RemoteWrite::stats() const {
  const std::lock_guard lock{mutex_};
  return stats_;
}

storage::OutgoingSample RemoteWrite::take(const std::string& host,
                                          Time when,
                                          const std::shared_ptr<const protocol::Sample>& sample) {
  const auto now = clock_.now();
  auto& newest = newest_[host];
  auto values = outgoing_values(*sample);
  auto own = values;
  // A late one says nothing about what ended since. A clock that was set back leaves one of a time
  // to come.
  const bool is_newest = !newest.sample || newest.when < when || newest.when > now;
  if (is_newest) add_ends(values, newest.values);
  if (now - when <= heard_within_) {
    values.push_back({OutgoingFamily::host_up, {}, 1, false});
  }
  auto row = row_of(when, std::move(values));
  if (is_newest) newest = {sample, when, std::move(own)};
  return row;
}

storage::OutgoingSample RemoteWrite::row_of(Time when, std::vector<OutgoingValue> values) const {
  OutgoingRecord record;
  record.time_ms = to_ms(when);
  record.values = std::move(values);
  storage::OutgoingSample row;
  row.queued_ms = to_ms(clock_.now());
  row.samples = static_cast<std::int64_t>(record.values.size());
  row.data = encode(record);
  return row;
}

void RemoteWrite::say_presence(const std::string& host, bool is_up) {
  std::vector<OutgoingValue> values;
  values.push_back({OutgoingFamily::host_up, {}, is_up ? 1.0 : 0.0, false});
  series_.log_outgoing(host, row_of(clock_.now(), std::move(values)));
}

void RemoteWrite::liveness_changed(const std::string& host,
                                   fleet::Liveness /*before*/,
                                   fleet::Liveness after,
                                   std::optional<Time> /*last_seen*/) {
  if (!sender_) return;
  if (after == fleet::Liveness::offline) say_presence(host, false);
  if (after == fleet::Liveness::online && has_no_samples(host)) say_presence(host, true);
}

/// Heard by its heartbeats: nothing else would say that it is up.
bool RemoteWrite::has_no_samples(const std::string& host) const {
  const auto entry = live_.host(host);
  return !entry || !entry->sample;
}

/// A host that joins anew under that name is another one: nothing of the old one ends with its
/// first sample, and nothing is kept of it.
void RemoteWrite::device_changed(const fleet::DeviceEvent& event) {
  if (event.type == "device_deregistered") newest_.erase(event.hostname);
}

asio::awaitable<void> RemoteWrite::run_presence() {
  if (!sender_) co_return;
  for (;;) {
    co_await pause(settings_.offline_every);
    for (const auto& [host, entry] : live_.hosts()) {
      if (entry->liveness == fleet::Liveness::offline) say_presence(host, false);
      if (entry->liveness == fleet::Liveness::online && !entry->sample) say_presence(host, true);
    }
  }
}

void RemoteWrite::complain(Trouble trouble, std::string text) {
  if (const auto complaint = complaints_.add(trouble, std::move(text), clock_.uptime())) {
    tell(*complaint);
  }
}

void RemoteWrite::tell(const Complaints::Complaint& complaint) const {
  switch (complaint.trouble) {
    case Trouble::failed:
      log::warn("telemetry",
                "the store of remote write takes no samples: they wait",
                {{"url", shown_url(settings_.target.url)},
                 {"reason", complaint.latest},
                 {"count", complaint.count},
                 {"waiting", stats().waiting.samples}});
      break;
    case Trouble::refused:
      log::error("telemetry",
                 "the store of remote write refuses samples: they are dropped",
                 {{"url", shown_url(settings_.target.url)},
                  {"reason", complaint.latest},
                  {"count", complaint.count},
                  {"dropped", stats().refused}});
      break;
    case Trouble::given_up:
      log::error("telemetry",
                 "samples for remote write are given up, the oldest first: too many wait",
                 {{"limit", complaint.latest}, {"dropped", stats().given_up}});
      break;
  }
}

}  // namespace portoser::telemetry
