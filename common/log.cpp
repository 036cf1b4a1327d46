#include "common/log.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/log_counts.h"

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unistd.h>

namespace portoser::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// Holds back what repeats. Bounded: it forgets everything when it has seen 512 different lines.
class Repeats {
 public:
  /// The number of lines held back before this one, or -1 when this one is to be held back.
  int admit(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock{mutex_};
    if (seen_.size() > 512) {
      seen_.clear();
    }
    auto [entry, is_new] = seen_.try_emplace(line, Seen{now, 0});
    if (is_new) {
      return 0;
    }
    if (now - entry->second.written < std::chrono::seconds{10}) {
      ++entry->second.held_back;
      return -1;
    }
    entry->second.written = now;
    return std::exchange(entry->second.held_back, 0);
  }

 private:
  struct Seen {
    std::chrono::steady_clock::time_point written;
    int held_back;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

/// journald's priority of a line: what its "<4>" at the beginning says, as sd-daemon(3) has it.
class Priority : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message,
              const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    switch (message.level) {
      case spdlog::level::debug:
        return out.push_back('7');
      case spdlog::level::warn:
        return out.push_back('4');
      case spdlog::level::err:
        return out.push_back('3');
      default:
        return out.push_back('6');
    }
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Priority>();
  }
};

/// systemd names the journal's stream to services; who inherits the name may write elsewhere
/// (systemd.exec(5)).
bool is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &file) == 0 &&
         std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) == stream;
}

/// The journal knows the time of a line itself.
void set_journal_lines(spdlog::logger& logger) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Priority>('*').set_pattern("<%*>%v");
  logger.set_formatter(std::move(formatter));
}

struct Sink {
  Sink();
  std::shared_ptr<spdlog::logger> logger;
  Format format = Format::text;
  Repeats repeats;
  std::atomic<std::uint64_t> warnings{0};
  std::atomic<std::uint64_t> errors{0};
};

Sink::Sink() {
  if (is_journal()) {
    logger = std::make_shared<spdlog::logger>("portoser",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    set_journal_lines(*logger);
  } else {
    logger = std::make_shared<spdlog::logger>(
        "portoser", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
  }
  logger->set_level(spdlog::level::info);
  logger->flush_on(spdlog::level::info);
}

// The one process-wide object of the project: a log that had to be handed to every constructor
// would hide what the constructors are about.
Sink& sink() {
  static Sink instance;
  return instance;
}

std::string as_text(std::string_view room, std::string_view message, Fields fields) {
  std::string line{room};
  line += ": ";
  line += message;
  for (const auto& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    const bool quote =
        !field.is_number &&
        (field.value.empty() || field.value.find_first_of(" \"=\n\t") != std::string::npos);
    line += quote ? nlohmann::json(field.value)
                        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                  : field.value;
  }
  return line;
}

nlohmann::ordered_json value_of(const Field& field) {
  if (!field.is_number) return field.value;
  auto number = nlohmann::ordered_json::parse(field.value, nullptr, false);
  return number.is_number() ? number : nlohmann::ordered_json(field.value);  // "nan" is none
}

std::string as_json(
    std::string_view room, std::string_view message, Fields fields, Level level, int held_back) {
  nlohmann::ordered_json line{{"time", to_rfc3339(SystemClock{}.now())},
                              {"level", spdlog::level::to_string_view(to_spdlog(level)).data()},
                              {"room", room},
                              {"message", message}};
  for (const auto& field : fields) {
    line[field.name] = value_of(field);
  }
  if (held_back > 0) line["repeated"] = held_back;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void configure(Level level, Format format) {
  sink().format = format;
  sink().logger->set_level(to_spdlog(level));
  if (format == Format::json && !is_journal()) {
    sink().logger->set_pattern("%v");
  }
}

Level level_from_string(std::string_view text) {
  if (text == "debug") return Level::debug;
  if (text == "info") return Level::info;
  if (text == "warn" || text == "warning") return Level::warn;
  if (text == "error") return Level::error;
  throw Error{Code::invalid,
              "\"" + std::string{text} + "\" is not a log level: use debug, info, warn or error"};
}

Counts counts() {
  return {sink().warnings, sink().errors};
}

void write(Level level, std::string_view room, std::string_view message, Fields fields) {
  auto& out = sink();
  if (level == Level::warn) ++out.warnings;
  if (level == Level::error) ++out.errors;
  if (!out.logger->should_log(to_spdlog(level))) {
    return;
  }
  auto text = as_text(room, message, fields);
  const int held_back = level >= Level::warn ? out.repeats.admit(text) : 0;
  if (held_back < 0) {
    return;
  }
  if (out.format == Format::json) {
    out.logger->log(to_spdlog(level), "{}", as_json(room, message, fields, level, held_back));
  } else {
    if (held_back > 0) text += " repeated=" + std::to_string(held_back);
    out.logger->log(to_spdlog(level), "{}", text);
  }
}

}  // namespace portoser::log
