#include "agent/actions/native_memory.h"

#include "common/describe_json.h"
#include "common/file.h"
#include "common/log.h"

#include <utility>

namespace portoser::agent::actions {

NativeMemory::NativeMemory(std::filesystem::path file, asio::thread_pool& pool)
    : pool_(pool), file_(std::make_shared<NewestFile>(std::move(file))) {
  std::string reason;
  try {
    from_json(Json::parse(read_file(file_->path())), notes_, "notes");
    return;
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return;
    reason = error.what();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  notes_ = NativeNotes{};
  log::warn("actions",
            "what was noted of native services cannot be read",
            {{"file", file_->path().string()}, {"reason", reason}});
}

NativeMemory::~NativeMemory() = default;

asio::awaitable<void> NativeMemory::save() {
  auto write = [file = file_, version = ++version_, text = dump(to_json(notes_))] {
    file->write(version, text);
  };
  co_await on_pool(pool_, std::move(write));
}

}  // namespace portoser::agent::actions
