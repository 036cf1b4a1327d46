/// The records that the old CLI left on disk, one JSON file a deployment. Every real one has a
/// brace too many after each phase, and texts with quotes alone escaped; both are mended here.
/// Pure but for `read_old_records`, which blocks; any thread.
#pragma once

#include "controller/storage/deployment_store.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::history {

/// The JSON that was meant: closing brackets that close nothing are dropped, control characters and
/// backslashes inside of texts that JSON does not allow are escaped. Valid JSON stays as it is.
std::string mended_json(std::string_view text);

/// `name`: of the file, without ".json"; the id of a record that has none. No record, mended or
/// not: `Error{invalid}`.
storage::DeploymentRecord old_record(std::string_view text, const std::string& name);

struct OldRecords {
  struct Refused {
    std::string file;
    std::string why;
  };
  std::vector<storage::DeploymentRecord> records;
  std::vector<Refused> refused;
};

/// Of every "*.json" below the folder that is no link ("latest.json" is one). No folder:
/// `Error{not_found}`.
OldRecords read_old_records(const std::filesystem::path& folder);

}  // namespace portoser::history
