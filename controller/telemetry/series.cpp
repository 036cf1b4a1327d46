#include "controller/telemetry/series.h"

#include "common/error.h"
#include "common/log.h"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <utility>

namespace portoser::telemetry {
namespace {

/// In one transaction.
constexpr std::size_t most_logged_at_once = 5000;
/// Samples that wait to be logged while the database takes nothing; they are in memory besides.
constexpr std::size_t most_unlogged_bytes = std::size_t{64} << 20U;
/// What waits until the log is restored: a sample has as much in it as some containers have.
constexpr std::size_t most_early_containers = 200'000;
constexpr std::size_t containers_like_a_host = 8;
/// Of those, in one go: others need the lock and the executor meanwhile.
constexpr int early_at_once = 500;

std::size_t weight_of(const protocol::Sample& sample) {
  return containers_like_a_host + sample.containers.size();
}

std::size_t bytes_of(const storage::LoggedSample& row) {
  return row.data.size() + row.outgoing.data.size();
}

void count_outgoing(storage::OutgoingSize& size, const storage::LoggedSample& row) {
  const auto& outgoing = row.outgoing;
  if (outgoing.data.empty()) return;
  ++size.rows;
  size.samples += outgoing.samples;
  size.bytes += static_cast<std::int64_t>(outgoing.data.size());
  size.oldest_ms = std::min(size.oldest_ms.value_or(outgoing.queued_ms), outgoing.queued_ms);
}

}  // namespace

Series::Series(storage::Database& database, const Clock& clock, SeriesSettings settings)
    : store_(database),
      age_guard_(database, clock),
      clock_(clock),
      settings_(settings),
      joins_(std::make_shared<const JoinHistory>(settings.join_ms)) {}

std::int64_t Series::join_ms() const {
  const std::lock_guard lock{mutex_};
  return joins_->newest();
}

void Series::set_joins(JoinHistory joins) {
  auto shared = std::make_shared<const JoinHistory>(std::move(joins));
  const std::lock_guard lock{mutex_};
  joins_ = std::move(shared);
}

asio::awaitable<void> Series::start() {
  const auto known = co_await store_.start();
  {
    const std::lock_guard lock{mutex_};
    next_seal_ = known.last_seal + 1;
    next_log_id_ = known.last_log_id + 1;
    for (const auto& host : known.hosts) {
      auto& series = hosts_[host.host];
      try {
        series.sealed = SampleNumbers::decode(host.sealed);
        series.know(series.sealed);
      } catch (const Error& error) {
        damaged(host.host, error);  // what comes again may count twice
      }
    }
  }
}

asio::awaitable<void> Series::restore() {
  if (is_restored_) co_return;
  for (;;) {
    const auto rows = co_await store_.logged_after(restored_to_);
    if (rows.empty()) break;
    const std::lock_guard lock{mutex_};
    for (const auto& row : rows) restore_one(row);
    restored_to_ = rows.back().id;
  }
  if (bytes_ > 0) log::info("telemetry", "samples restored", {{"bytes", bytes_}});
  co_await take_early();
}

asio::awaitable<void> Series::restore_or_give_up() {
  // A page of the log that is damaged must not keep out all that is measured from now on.
  constexpr std::chrono::minutes patience{1};
  if (is_restored_) co_return;
  if (!restore_until_) restore_until_ = clock_.uptime() + patience;
  std::optional<Error> failure;
  try {
    co_await restore();
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure) co_return;
  if (clock_.uptime() < *restore_until_) throw Error{*failure};
  log::error("telemetry",
             "samples of before the start are lost: the database does not give them",
             {{"reason", failure->what()}});
  {
    const std::lock_guard lock{mutex_};
    ++stats_.damaged_blocks;
  }
  co_await take_early();
}

asio::awaitable<void> Series::await_restored() const {
  // Of a few hosts it is done before anybody asks.
  constexpr std::chrono::milliseconds step{20};
  constexpr int most_steps = 50;
  for (int i = 0; i < most_steps; ++i) {
    {
      const std::lock_guard lock{mutex_};
      if (is_restored_) co_return;
    }
    co_await pause(step);
  }
  throw Error{Code::unavailable,
              "the newest samples are still being read: the controller has just started"}
      .reason("STARTING")
      .hint("try again in a few seconds");
}

void Series::restore_one(const storage::LoggedSample& row) {
  try {
    const auto record = decode_sample(row.data);
    auto& host = hosts_[row.host];
    // What is sealed stays in the log until all of its time is.
    if (record.number != 0 && host.sealed.contains(record.boot_id, record.number)) return;
    if (!host.take(record.boot_id, record.number)) return;
    const auto before = host.bytes();
    host.add(record, row.id, clock_.uptime(), *joins_);
    bytes_ = bytes_ + host.bytes() - before;
  } catch (const Error& error) {
    damaged(row.host, error);
  }
}

void Series::damaged(const std::string& host, const Error& error) {
  ++stats_.damaged_blocks;
  if (!damage_pace_.is_due()) return;
  log::error("telemetry",
             "series in the database are damaged: that stretch is lost",
             {{"host", host}, {"reason", error.what()}});
}

asio::awaitable<void> Series::run() {
  constexpr std::chrono::seconds tick{1};
  constexpr std::chrono::minutes sweep{10};
  auto swept = clock_.uptime() - sweep;
  for (;;) {
    try {
      co_await restore_or_give_up();
      co_await write_log();
      while (co_await seal_some()) co_await write_log();
      if (clock_.uptime() - swept >= sweep) {
        swept = clock_.uptime();
        co_await delete_old();
      }
    } catch (const boost::system::system_error&) {
      throw;  // the stop
    } catch (const std::exception& error) {
      // The database says what is wrong with it. Everything is still in memory.
      log::debug("telemetry", "series wait for the database", {{"reason", error.what()}});
      const std::lock_guard lock{mutex_};
      ++stats_.failures;
    }
    co_await pause(tick);
  }
}

asio::awaitable<void> Series::stop() {
  try {
    co_await write_log();
  } catch (const Error& error) {
    log::warn("telemetry", "the newest samples are not stored", {{"reason", error.what()}});
  }
}

void Series::measured(const std::string& host,
                      Time when,
                      const std::shared_ptr<const protocol::Sample>& sample) {
  const std::lock_guard lock{mutex_};
  if (is_restored_) {
    take(host, when, sample);
  } else {
    keep_until_restored(host, when, sample);
  }
}

void Series::keep_until_restored(const std::string& host,
                                 Time when,
                                 const std::shared_ptr<const protocol::Sample>& sample) {
  early_.push_back({host, when, sample});
  early_containers_ += weight_of(*sample);
  while (early_containers_ > most_early_containers) {
    const auto& oldest = *early_.front().sample;
    stats_.dropped_values += values_of(oldest, nullptr, 0).size();
    early_containers_ -= weight_of(oldest);
    early_.pop_front();
  }
}

asio::awaitable<void> Series::take_early() {
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      for (int i = 0; i < early_at_once && !early_.empty(); ++i) {
        const auto early = std::move(early_.front());
        early_.pop_front();
        early_containers_ -= weight_of(*early.sample);
        take(early.host, early.when, early.sample);
      }
      is_restored_ = early_.empty();
      if (is_restored_) co_return;
    }
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
  }
}

void Series::take(const std::string& host,
                  Time when,
                  const std::shared_ptr<const protocol::Sample>& sample) {
  constexpr double at_least_a_minute = 60;
  const auto neighbours =
      std::max(at_least_a_minute, static_cast<double>(joins_->newest()) / 1000.0);
  auto& series = hosts_[host];
  if (!series.take(sample->when.boot_id, sample->number)) {
    ++stats_.repeated;
    return;
  }
  const auto before = series.before(*sample);
  SampleRecord record;
  record.boot_id = sample->when.boot_id;
  record.number = sample->number;
  record.time_ms = to_ms(when);
  record.values = values_of(*sample, before.get(), neighbours);
  series.remember(sample);
  const auto bytes_before = series.bytes();
  const auto added = series.add(record, next_log_id_, clock_.uptime(), *joins_);
  bytes_ = bytes_ + series.bytes() - bytes_before;
  ++stats_.samples;
  stats_.values += added;
  stats_.dropped_values += record.values.size() - added;
  if (added == 0) return;
  storage::LoggedSample row;
  row.host = host;
  row.data = encode(record);
  if (tap_ != nullptr) row.outgoing = tap_->take(host, when, sample);
  add_to_log(std::move(row));
  if (bytes_ > settings_.most_bytes) keep_within_memory();
}

void Series::add_to_log(storage::LoggedSample row) {
  row.id = next_log_id_++;
  to_log_bytes_ += bytes_of(row);
  to_log_.push_back(std::move(row));
  storage::OutgoingSize lost;
  while (to_log_bytes_ > most_unlogged_bytes) {
    to_log_bytes_ -= bytes_of(to_log_.front());
    count_outgoing(lost, to_log_.front());
    to_log_.pop_front();
  }
  if (lost.rows > 0) tap_->lost(lost);
}

void Series::log_outgoing(const std::string& host, storage::OutgoingSample outgoing) {
  const std::lock_guard lock{mutex_};
  storage::LoggedSample row;
  row.host = host;
  row.outgoing = std::move(outgoing);
  add_to_log(std::move(row));
}

asio::awaitable<void> Series::write_log() {
  for (;;) {
    std::vector<storage::LoggedSample> rows;
    std::size_t bytes = 0;
    {
      const std::lock_guard lock{mutex_};
      while (!to_log_.empty() && rows.size() < most_logged_at_once) {
        bytes += bytes_of(to_log_.front());
        rows.push_back(std::move(to_log_.front()));
        to_log_.pop_front();
      }
      to_log_bytes_ -= bytes;
    }
    if (rows.empty()) co_return;
    std::exception_ptr failure;
    try {
      co_await store_.log(rows);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) {
      storage::OutgoingSize stored;
      for (const auto& row : rows) count_outgoing(stored, row);
      if (stored.rows > 0) tap_->stored(stored);
      continue;
    }
    {
      const std::lock_guard lock{mutex_};
      to_log_.insert(to_log_.begin(), rows.begin(), rows.end());
      to_log_bytes_ += bytes;
    }
    std::rethrow_exception(failure);
  }
}
void Series::keep_within_memory() {
  while (bytes_ > settings_.most_bytes) {
    HostSeries* largest = nullptr;
    for (auto& [host, series] : hosts_) {
      if (largest == nullptr || series.bytes() > largest->bytes()) largest = &series;
    }
    std::shared_ptr<Span> oldest;
    for (const auto& span : largest->spans()) {
      if (span->seal == 0 && (!oldest || span->start_ms < oldest->start_ms)) oldest = span;
    }
    if (!oldest) return;  // all of it is on its way into the database
    stats_.dropped_values += oldest->values;
    bytes_ -= std::min(bytes_, oldest->bytes());
    largest->drop(*oldest);
    if (memory_pace_.is_due()) {
      log::error("telemetry",
                 "samples are given up: too many wait for the database",
                 {{"bytes", settings_.most_bytes}});
    }
  }
}

asio::awaitable<void> Series::delete_old() {
  if (!co_await age_guard_.is_clock_sure()) co_return;
  const auto now = clock_.now();
  co_await delete_blocks(now - settings_.raw, now - settings_.minute, now - settings_.quarter);
}

asio::awaitable<void> Series::delete_before(Time moment) {
  const auto now = clock_.now();
  co_await delete_blocks(std::max(moment, now - settings_.raw),
                         std::max(moment, now - settings_.minute),
                         std::max(moment, now - settings_.quarter));
}

asio::awaitable<void> Series::delete_blocks(Time raw, Time minute, Time quarter) {
  storage::SeriesKeep keep;
  keep.from_ms = {to_ms(raw) - raw_tier.block_ms,
                  to_ms(minute) - minute_tier.block_ms,
                  to_ms(quarter) - quarter_tier.block_ms};
  // Uptime is computed from them: they are kept as long as anything, whoever cleans up.
  keep.watches_from_ms = to_ms(clock_.now() - settings_.quarter) - quarter_tier.block_ms;
  const auto blocks = co_await store_.delete_old(std::move(keep));
  if (blocks > 0) log::debug("telemetry", "old blocks of series deleted", {{"blocks", blocks}});
}

SeriesStats Series::stats() const {
  const std::lock_guard lock{mutex_};
  auto stats = stats_;
  stats.open_bytes = bytes_;
  for (const auto& [host, series] : hosts_) stats.open_spans += series.spans().size();
  return stats;
}

}  // namespace portoser::telemetry
