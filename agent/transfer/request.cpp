#include "agent/transfer/request.h"

#include "common/describe_json.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace portoser::agent::transfer {
namespace {

constexpr std::string_view digits = "0123456789";

Error refused(std::string_view what) {
  return Error{Code::invalid,
               fmt::format("the other host calls rsync in a way that is not served: {}", what)};
}

/// -lHogDtpAXrSIze.iLsfxCIvu: what it does, then behind `e.` what the other one can do. Letters
/// that take a value, or read more arguments from the stream (`s`), are not among those.
bool is_short_cluster(std::string_view word) {
  constexpr std::string_view known = "lHogDtpAXrSIz";
  if (!word.starts_with('-')) return false;
  word.remove_prefix(1);
  const auto end = word.find("e.");
  const auto flags = word.substr(0, end);
  if (flags.empty() || flags.find_first_not_of(known) != std::string_view::npos) return false;
  if (end == std::string_view::npos) return true;
  const auto abilities = word.substr(end + 2);
  return std::all_of(abilities.begin(), abilities.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.';
  });
}

bool has_number(std::string_view word, std::string_view option) {
  if (!word.starts_with(option)) return false;
  const auto value = word.substr(option.size());
  return !value.empty() && value.size() < 12 &&
         value.find_first_not_of(digits) == std::string_view::npos;
}

bool is_harmless(std::string_view word) {
  constexpr std::array<std::string_view, 7> plain{"--numeric-ids",
                                                  "--inplace",
                                                  "--partial",
                                                  "--compress-choice=zstd",
                                                  "--new-compress",
                                                  "--info=STATS",
                                                  "--info=STATS0"};
  if (std::find(plain.begin(), plain.end(), word) != plain.end()) return true;
  return has_number(word, "--compress-level=") || has_number(word, "--bwlimit=") ||
         has_number(word, "--timeout=");
}

}  // namespace

std::string to_line(const Request& request) {
  return dump(to_json(request));
}

Request request_from(const std::string& line, std::size_t root_count) {
  constexpr std::array<std::string_view, 5> known{"rsync", "image", "manifest", "nothing", "end"};
  Request request;
  try {
    from_json(Json::parse(line), request, "request");
  } catch (const Json::exception&) {
    throw Error{Code::invalid, "the other host asks for something that cannot be read"};
  }
  if (std::find(known.begin(), known.end(), request.wants) == known.end()) {
    throw Error{
        Code::invalid,
        fmt::format("the other host wants \"{}\", which this one does not know", request.wants)};
  }
  const bool names_root = request.wants != "end" && request.wants != "nothing";
  if (names_root && (request.root < 0 || static_cast<std::size_t>(request.root) >= root_count)) {
    throw Error{Code::invalid, fmt::format("there is no root {}", request.root)};
  }
  return request;
}

std::vector<std::string> served_arguments(const std::vector<std::string>& asked,
                                          const std::string& folder,
                                          std::int64_t rate_limit_kib) {
  constexpr std::size_t fewest = 5;  // --server --sender -l... . PATH
  if (asked.size() < fewest) throw refused("too few arguments");
  if (asked[0] != "--server" || asked[1] != "--sender") throw refused("it does not send");
  if (!is_short_cluster(asked[2])) throw refused(asked[2]);
  if (asked[asked.size() - 2] != ".") throw refused("more than one path");
  if (!folder.starts_with('/')) throw Error{Code::internal, folder + " is no absolute path"};
  std::vector<std::string> out{asked[0], asked[1], asked[2]};
  for (std::size_t i = 3; i + 2 < asked.size(); ++i) {
    if (!is_harmless(asked[i])) throw refused(asked[i]);
    if (rate_limit_kib > 0 && asked[i].starts_with("--bwlimit=")) continue;
    out.push_back(asked[i]);
  }
  if (rate_limit_kib > 0) out.push_back(fmt::format("--bwlimit={}", rate_limit_kib));
  out.emplace_back(".");
  out.push_back(folder.ends_with('/') ? folder : folder + "/");
  return out;
}

}  // namespace portoser::agent::transfer
