#include "agent/collect/temperature.h"

#include "agent/collect/text.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>

namespace portoser::agent::collect {
namespace {

namespace fs = std::filesystem;

/// More are a fault of a driver; a sample has its size.
constexpr std::size_t most_sensors = 64;
constexpr double look_every_seconds = 60;

std::string first_line(const fs::path& path, ReadBuffer& buffer) {
  const auto reading = PseudoFile{path.string()}.read(buffer);
  if (!reading) return {};
  auto text = *reading;
  return std::string{next_line(text).value_or("")};
}

/// The numbers of temp1_input, temp2_input ...
std::vector<int> inputs_of(const fs::path& chip) {
  constexpr std::string_view before = "temp";
  constexpr std::string_view after = "_input";
  std::vector<int> numbers;
  std::error_code failure;
  for (fs::directory_iterator entry{chip, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with(before) || !name.ends_with(after)) continue;
    int number = 0;
    const auto* last = name.data() + name.size() - after.size();
    const auto [stopped, error] = std::from_chars(name.data() + before.size(), last, number);
    if (error == std::errc{} && stopped == last) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

std::optional<double> parse_temperature(std::string_view text) {
  auto line = next_line(text);
  if (!line) return std::nullopt;
  std::int64_t thousandths = 0;
  const auto* end = line->data() + line->size();
  const auto [stopped, failure] = std::from_chars(line->data(), end, thousandths);
  // Drivers answer with such numbers for a sensor that is not connected.
  constexpr std::int64_t coldest = -60'000;
  constexpr std::int64_t hottest = 200'000;
  if (failure != std::errc{} || stopped != end || thousandths < coldest || thousandths > hottest) {
    return std::nullopt;
  }
  return static_cast<double>(thousandths) / 1000.0;
}

void TemperatureCollector::look(ReadBuffer& buffer) {
  sensors_.clear();
  std::vector<fs::path> chips;
  std::error_code failure;
  for (fs::directory_iterator entry{folder_, failure}, end; !failure && entry != end;
       entry.increment(failure)) {
    chips.push_back(entry->path());
  }
  std::sort(chips.begin(), chips.end());
  std::map<std::string, int> used;
  for (const auto& chip : chips) {
    const auto driver = first_line(chip / "name", buffer);
    // To read the temperature of a disk may wake it, or keep it from going to sleep
    // (Documentation/hwmon/drivetemp.rst).
    if (driver == "drivetemp") continue;
    for (const int number : inputs_of(chip)) {
      if (sensors_.size() == most_sensors) return;
      const auto input = "temp" + std::to_string(number);
      const auto label = first_line(chip / (input + "_label"), buffer);
      auto name = driver + " " + (label.empty() ? input : label);
      // Two disks have the same driver and the same label.
      if (const int copies = ++used[name]; copies > 1) name += " #" + std::to_string(copies);
      sensors_.push_back({std::move(name), PseudoFile{(chip / (input + "_input")).string()}});
    }
  }
}

std::vector<protocol::TemperatureSample> TemperatureCollector::collect(double seconds,
                                                                       ReadBuffer& buffer) {
  until_look_ -= seconds;
  if (until_look_ <= 0) {
    until_look_ = look_every_seconds;
    look(buffer);
  }
  std::vector<protocol::TemperatureSample> temperatures;
  for (auto& sensor : sensors_) {
    const auto reading = sensor.file.read(buffer);
    if (!reading) continue;
    if (const auto celsius = parse_temperature(*reading)) {
      temperatures.push_back({sensor.name, *celsius});
    }
  }
  return temperatures;
}

}  // namespace portoser::agent::collect
