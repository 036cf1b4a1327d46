#include "controller/history/old_records.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace portoser::history {
namespace {

using nlohmann::json;

/// As the old CLI wrote it: a brace too many behind each phase.
std::string old_text(const std::string& id, const std::string& message = "fine") {
  return fmt::format(
      R"({{"id":"{}","timestamp":"2026-03-04T09:15:42Z","service":"notes","machine":"brick",
"action":"migrate","status":"success","duration_ms":41873,
"phases":[{{"name":"observe","status":"completed","duration_ms":2110,"metadata":{{}}}}}},
{{"name":"deploy","status":"completed","duration_ms":38200,"metadata":{{"action":"migrate"}}}}}}],
"observations":[{{"type":"deployment_readiness","message":"{}","severity":"info"}}],
"problems":[],"solutions_applied":[],
"config_snapshot":{{"current_host":"pebble","port":8090}},"exit_code":0}})",
      id,
      message);
}

TEST(OldRecords, ABraceTooManyIsMended) {
  const auto record = old_record(old_text("deploy-20260304-091500-1f0c9a7e"), "file");
  EXPECT_EQ(record.id, "deploy-20260304-091500-1f0c9a7e");
  EXPECT_EQ(record.service, "notes");
  EXPECT_EQ(record.machine, "brick");
  EXPECT_EQ(record.action, "migrate");
  EXPECT_EQ(record.status, "success");
  EXPECT_EQ(record.duration_ms, 41873);
  EXPECT_EQ(to_rfc3339(*record.finished_at), "2026-03-04T09:15:42.000Z");
  EXPECT_EQ(to_rfc3339(record.started_at), "2026-03-04T09:15:00.127Z");
  EXPECT_EQ(json::parse(record.phases).size(), 2U);
  EXPECT_EQ(json::parse(record.phases)[1]["metadata"]["action"], "migrate");
  EXPECT_EQ(json::parse(record.config_before)["port"], 8090);
  EXPECT_EQ(record.config_after, "null") << "the old snapshot was taken before the action";
}

TEST(OldRecords, TextsWithBackslashesAndLinesAreMended) {
  const auto record = old_record(old_text("a", "C:\\path,\nnext \\\"line\\\""), "file");
  const auto message = json::parse(record.extra)["observations"][0]["message"].get<std::string>();
  EXPECT_EQ(message, "C:\\path,\nnext \"line\"");
}

TEST(OldRecords, ValidJsonStaysAsItIs) {
  const std::string text = R"({"a":"}]","b":[{}]})";
  EXPECT_EQ(mended_json(text), text);
}

TEST(OldRecords, WhatIsNoRecordIsRefused) {
  for (const std::string text : {"", "[]", "{}", "{\"service\":\"a\"}", "not json"}) {
    EXPECT_THROW(old_record(text, "file"), Error) << text;
  }
}

TEST(OldRecords, AFolderIsReadWholeAndItsLinksAreNot) {
  const test::TempFolder folder;
  make_folder(folder.path() / "2026-03-04");
  const auto first = folder.path() / "2026-03-04" / "notes-brick-091500.json";
  write_file_atomic(first, old_text("one"));
  write_file_atomic(folder.path() / "flat.json",
                    R"({"service":"notes","machine":"brick","timestamp":"2026-03-05T00:00:00Z"})");
  write_file_atomic(folder.path() / "broken.json", "{");
  write_file_atomic(folder.path() / "notes.txt", "no record");
  std::filesystem::create_symlink(first, folder.path() / "latest.json");
  const auto found = read_old_records(folder.path());
  std::vector<std::string> ids;
  for (const auto& record : found.records) ids.push_back(record.id);
  EXPECT_THAT(ids, testing::UnorderedElementsAre("one", "flat"));
  ASSERT_EQ(found.refused.size(), 1U);
  EXPECT_THAT(found.refused[0].file, testing::EndsWith("broken.json"));
  EXPECT_THROW(read_old_records(folder.path() / "gone"), Error);
}

}  // namespace
}  // namespace portoser::history
