#include "controller/telemetry/remote_write_families.h"

#include "controller/telemetry/series_tiers.h"

#include <algorithm>

namespace portoser::telemetry {

void write_remote_write_families(Exposition& out, const RemoteWriteStats& stats, Time now) {
  if (!stats.is_on) return;
  out.family("portoser_remote_write_samples_sent_total", "counter", "Samples that the store took");
  out.sample({}, static_cast<double>(stats.sent));
  out.family("portoser_remote_write_samples_dropped_total",
             "counter",
             "Samples that the store will never get: it refused them, the queue had no room, the "
             "database took nothing, or they could not be read from it");
  out.sample({{"reason", "refused"}}, static_cast<double>(stats.refused));
  out.sample({{"reason", "queue_full"}}, static_cast<double>(stats.given_up));
  out.sample({{"reason", "not_stored"}}, static_cast<double>(stats.not_stored));
  out.sample({{"reason", "damaged"}}, static_cast<double>(stats.damaged));
  out.family("portoser_remote_write_failed_sends_total",
             "counter",
             "Requests that were not taken and are tried again");
  out.sample({}, static_cast<double>(stats.failed_sends));
  out.family("portoser_remote_write_pending_samples", "gauge", "Samples that wait for the store");
  out.sample({}, static_cast<double>(stats.waiting.samples));
  out.family("portoser_remote_write_pending_bytes", "gauge", "Size of what waits");
  out.sample({}, static_cast<double>(stats.waiting.bytes));
  out.family("portoser_remote_write_limit_bytes",
             "gauge",
             "Size at which the oldest of what waits is given up (remote_write.queue_mib)");
  out.sample({}, static_cast<double>(stats.limit_bytes));
  out.family("portoser_remote_write_lag_seconds",
             "gauge",
             "For how long the oldest sample that waits has waited; 0: none waits");
  const auto oldest = stats.waiting.oldest_ms;
  constexpr double ms = 1000;
  out.sample({}, oldest ? std::max(static_cast<double>(to_ms(now) - *oldest), 0.0) / ms : 0);
  out.family("portoser_remote_write_last_success_timestamp_seconds",
             "gauge",
             "When the store last took samples");
  if (stats.succeeded_at) {
    out.sample({}, static_cast<double>(to_unix_us(*stats.succeeded_at)) / 1e6);
  }
}

}  // namespace portoser::telemetry
