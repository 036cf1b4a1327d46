/// What happens to "notes" on "brick", as its host and people tell it.
#pragma once

#include "controller/storage/event_store.h"
#include "tests/unit/api/api_fixture.h"

#include <string>
#include <vector>

namespace portoser::api {

using namespace std::chrono_literals;

class UptimeTest : public ApiTest {
 protected:
  void happens(const std::string& type, std::chrono::seconds ago) {
    auto record = event(type, ago);
    run(storage::EventStore{*database_}.append({std::move(record)}));
  }
  /// So many, a second apart, the last of them a minute ago.
  void happens_often(const std::string& type, int times) {
    std::vector<storage::EventRecord> records;
    for (int i = times; i > 0; --i) records.push_back(event(type, 59s + std::chrono::seconds{i}));
    run(storage::EventStore{*database_}.append(std::move(records)));
  }
  Json post(std::string_view path, const Json& body) {
    http::Request request;
    request.method = http::Method::post;
    request.set_target(path);
    request.body = dump(body);
    request.user = std::make_shared<const http::User>();
    http::Match match;
    router_.find(request, match);
    const http::CallContext call{request, match.endpoint->parameters, match.values};
    return Json::parse(run(match.endpoint->later(call)).text());
  }

 private:
  storage::EventRecord event(const std::string& type, std::chrono::seconds ago) {
    storage::EventRecord record;
    record.device_id = "device";
    record.spool_epoch = "epoch";
    record.sequence = ++sequence_;
    record.scope = "service";
    record.event_type = type;
    record.service = "notes";
    record.machine = "brick";
    record.details = "exit 137\nkilled";
    record.metadata = R"({"exit_code":137,"container":"notes_web_1","nested":{"a":true}})";
    record.time = clock_.now() - ago;
    return record;
  }

  std::int64_t sequence_ = 0;
};

}  // namespace portoser::api
