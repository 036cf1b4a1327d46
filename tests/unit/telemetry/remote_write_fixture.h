/// Hosts whose samples go to a played store, through the queue in the database.
#pragma once

#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/remote_write_families.h"
#include "tests/support/await.h"
#include "tests/unit/storage/storage_test.h"
#include "tests/unit/telemetry/noon.h"
#include "tests/unit/telemetry/played_store.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::telemetry {

/// A host that measures every five seconds; its processor's load is the number of its sample.
class RemoteWriteFixture : public storage::StorageTest {
 protected:
  RemoteWriteFixture() {
    settings_.target.url = store_.url();
    settings_.idle = std::chrono::milliseconds{10};
    settings_.least_pause = std::chrono::milliseconds{5};
    settings_.most_pause = std::chrono::milliseconds{20};
    settings_.offline_every = std::chrono::milliseconds{10};
    clock_.set_wall(noon);
    open();
  }
  ~RemoteWriteFixture() override { end(); }

  void begin() {
    series_.emplace(*database_, clock_);
    remote_write_.emplace(*database_, *series_, live_, clock_, settings_);
    run(series_->start());
    run(series_->restore());
    run(remote_write_->start());
  }
  void begin_sending() {
    tasks_.emplace(io_.get_executor());
    tasks_->spawn("remote write", remote_write_->run());
  }
  void end() {
    if (remote_write_) remote_write_->give_up();
    if (tasks_) {
      tasks_->stop();
      run(tasks_->join());
    }
    tasks_.reset();
    remote_write_.reset();
    series_.reset();
  }
  /// As after a SIGKILL.
  void restart() {
    end();
    close();
    open();
    begin();
  }

  static Time time_of(int number) { return noon + std::chrono::seconds{5} * number; }
  static std::int64_t ms_of(int number) { return to_unix_us(time_of(number)) / 1000; }
  void tell(int number, bool has_service = true, const std::string& host = "brick") {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->when.uptime_ns = std::int64_t{number} * 5'000'000'000;
    sample->number = 1000 + number;
    sample->cpu.percent = number;
    if (has_service) sample->services = {{"notes", true}};
    series_->measured(host, time_of(number), sample);
  }
  /// Live: the clock goes on with them. They are in the database then.
  void tell_live(int first, int last) {
    for (int number = first; number <= last; ++number) {
      clock_.set_wall(time_of(number));
      tell(number);
    }
    run(series_->write_log());
  }
  void wait_for(std::string_view reason, const std::function<bool()>& condition) {
    test::await_until(reason, std::chrono::seconds{60}, [&] {
      poll();
      return condition();
    });
  }
  void wait_until_empty() {
    wait_for("nothing waits", [&] { return remote_write_->stats().waiting.rows == 0; });
  }
  /// As on a full disk; what is new is stored all the same.
  void let_nothing_be_removed() {
    run(database_->write([](storage::Connection& connection) {
      connection.run(
          "CREATE TRIGGER keep BEFORE DELETE ON outgoing_samples BEGIN SELECT RAISE(FAIL, 'no'); "
          "END");
    }));
  }
  void let_all_be_removed() {
    run(database_->write(
        [](storage::Connection& connection) { connection.run("DROP TRIGGER keep"); }));
  }
  std::map<std::int64_t, double> loads(const std::string& host = "brick") const {
    return store_.values("portoser_host_cpu_percent", host);
  }
  /// Two hosts at a time: the requests have both.
  void tell_of_two(int first, int last) {
    for (int number = first; number <= last; ++number) {
      clock_.set_wall(time_of(number));
      tell(number);
      tell(number, true, "slate");
    }
    run(series_->write_log());
  }
  /// The store takes no request with one of these samples in it.
  void refuse(int status, const std::string& host, int first, int last) {
    store_.judge_by([=](const std::vector<ReceivedSeries>& all) {
      for (const auto& series : all) {
        if (series.label("machine") != host) continue;
        for (const auto& [time, value] : series.samples) {
          if (time >= ms_of(first) && time <= ms_of(last)) return status;
        }
      }
      return 204;
    });
  }
  std::vector<double> load_values() const {
    std::vector<double> values;
    for (const auto& [time, value] : loads()) values.push_back(value);
    return values;
  }

  PlayedStore store_;
  RemoteWriteSettings settings_;
  Live live_;
  std::optional<Series> series_;
  std::optional<RemoteWrite> remote_write_;
  std::optional<TaskGroup> tasks_;
};

}  // namespace portoser::telemetry
