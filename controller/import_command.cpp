#include "controller/import_command.h"

#include "common/error.h"
#include "common/file.h"
#include "controller/history/old_records.h"
#include "controller/settings.h"
#include "controller/storage/deployment_store.h"

#include <fmt/format.h>

#include <cstdio>

namespace portoser {

int run_import_command(const std::vector<std::string>& arguments) {
  const auto settings = load_controller_settings(
      arguments,
      "Takes the deployment records of the old CLI into the history: import-history FOLDER "
      "(~/.portoser/deployments). Records that are there already stay as they are.");
  if (settings.words.size() != 1) {
    throw Error{Code::invalid, "import-history needs one folder"}.hint(
        "import-history ~/.portoser/deployments");
  }
  make_folder(settings.data, 0700);
  const auto found = history::read_old_records(settings.words.front());
  const SystemClock clock;
  storage::DeploymentFile file{settings.data / "portoser.db", clock};
  const auto added = file.insert_all(found.records);
  for (const auto& refused : found.refused) {
    fmt::print(stderr, "{}: {}\n", refused.file, refused.why);
  }
  fmt::print("{} records read, {} new, {} there already; {} files refused\n",
             found.records.size(),
             added,
             static_cast<std::int64_t>(found.records.size()) - added,
             found.refused.size());
  return found.refused.empty() ? 0 : 1;
}

}  // namespace portoser
