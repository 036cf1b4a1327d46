/// The settings of remote write. See docs/series.md for what they mean.
#pragma once

#include "common/settings.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <string>

namespace portoser {

struct RemoteWriteOptions {
  std::string url;  ///< empty: nothing is sent
  std::map<std::string, std::string> external_labels;
  SecretMap headers;
  std::filesystem::path bearer_token_file;
  std::string basic_auth_username;
  std::filesystem::path basic_auth_password_file;
  std::filesystem::path ca_file;
  std::chrono::seconds timeout{30};
  int max_samples_per_send = 2000;
  int queue_mib = 256;
};

void add_remote_write(SettingTable& table, RemoteWriteOptions& options);

/// What does not fit together, or cannot be, is an `Error{invalid}` that says what would be right.
/// Without a URL the others do not count.
void check_remote_write(const RemoteWriteOptions& options);

}  // namespace portoser
