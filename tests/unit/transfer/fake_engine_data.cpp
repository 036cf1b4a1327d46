#include "tests/unit/transfer/fake_engine_data.h"

#include "common/error.h"

namespace portoser::agent::transfer {

std::optional<Volume> FakeEngineData::volume(const std::string& name) {
  const auto found = volumes.find(name);
  return found == volumes.end() ? std::nullopt : std::optional{found->second};
}

Volume FakeEngineData::create_volume(const std::string& name,
                                     const std::map<std::string, std::string>&,
                                     const std::map<std::string, std::string>& labels) {
  if (is_away) throw Error{Code::unavailable, "no engine"}.reason("ENGINE_UNAVAILABLE");
  Volume made;
  made.name = name;
  made.folder = (folder_ / name / "_data").string();
  made.labels = labels;
  std::filesystem::create_directories(made.folder);
  volumes[name] = made;
  return made;
}

void FakeEngineData::remove_volume(const std::string& name) {
  if (volumes.erase(name) > 0) std::filesystem::remove_all(folder_ / name);
}

std::vector<ContainerUse> FakeEngineData::containers() {
  return list;
}

std::optional<std::string> FakeEngineData::image_id(const std::string& reference) {
  const auto found = images.find(reference);
  return found == images.end() ? std::nullopt : std::optional{found->second};
}

void FakeEngineData::tag_image(const std::string& id,
                               const std::string& name,
                               const std::string& tag) {
  images[name + ":" + tag] = id;
}

void FakeEngineData::save_image(const std::string& reference, std::int64_t, const Sink& sink) {
  constexpr std::size_t part = 10'000;
  const auto found = contents.find(reference);
  if (found == contents.end()) throw Error{Code::not_found, "no such image: " + reference};
  for (std::size_t at = 0; at < found->second.size(); at += part) {
    sink(std::string_view{found->second}.substr(at, part));
  }
}

void FakeEngineData::load_image(const Source& source) {
  std::string tar;
  std::string block(7'000, '\0');
  while (const auto count = source(block.data(), block.size())) tar.append(block, 0, count);
  contents[loaded_id] = tar;
  images[loaded_id] = loaded_id;
}

}  // namespace portoser::agent::transfer
