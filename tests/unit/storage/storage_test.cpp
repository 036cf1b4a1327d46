#include "tests/unit/storage/storage_test.h"

#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>

namespace portoser::storage {

StorageTest::StorageTest()
    : folder_(std::filesystem::temp_directory_path() / ("storage-test-" + random_hex(8))) {
  make_folder(folder_, 0700);
}

StorageTest::~StorageTest() {
  close();
  std::filesystem::remove_all(folder_);
}

DeviceRecord device(int number) {
  DeviceRecord record;
  record.id = fmt::format("01HZZZZZZZZZZZZZZZZZZZ{:04}", number);
  record.name = fmt::format("host-{}", number);
  record.public_key = fmt::format("{:040}", number);
  record.registered_at = from_unix_us(1'700'000'000'000'000);
  record.agent_version = "0.1.0";
  return record;
}

EventRecord event(std::int64_t sequence) {
  EventRecord record;
  record.device_id = device(1).id;
  record.spool_epoch = "epoch-a";
  record.sequence = sequence;
  record.time = from_unix_us(1'700'000'000'000'000 + sequence);
  record.scope = "service";
  record.event_type = "failure";
  record.service = "web";
  record.machine = "host-1";
  return record;
}

}  // namespace portoser::storage
