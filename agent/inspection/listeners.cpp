#include "agent/inspection/listeners.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

/// States in the table, as the kernel counts them (include/net/tcp_states.h).
constexpr std::string_view tcp_listen = "0A";
constexpr std::string_view udp_bound = "07";

std::optional<std::uint64_t> parse(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number, base);
  if (failure != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

std::string dotted(std::uint64_t address) {
  // In the order of this machine's bytes, which is little-endian wherever we run.
  std::string text;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) text += '.';
    text += std::to_string((address >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  }
  return text;
}

std::optional<Listener> parse_line(const std::string& line, const std::string& protocol) {
  std::istringstream words{line};
  std::array<std::string, 10> word;  // slot, local, remote, state, queues, timer, …, uid, …, inode
  for (auto& one : word) words >> one;
  const auto& local = word[1];
  if (word[3] != (protocol == "tcp" ? tcp_listen : udp_bound)) return std::nullopt;
  const auto colon = local.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto port = parse(std::string_view{local}.substr(colon + 1), 16);
  const auto inode = parse(word[9], 10);
  if (!port || !inode) return std::nullopt;
  Listener listener;
  listener.protocol = protocol;
  listener.port = static_cast<int>(*port);
  listener.inode = *inode;
  auto address = std::string_view{local}.substr(0, colon);
  listener.is_any_address = address.find_first_not_of('0') == std::string_view::npos;
  constexpr std::string_view mapped = "0000000000000000FFFF0000";
  if (address.starts_with(mapped)) address.remove_prefix(mapped.size());
  constexpr std::size_t ipv4_digits = 8;
  if (address.size() == ipv4_digits) {
    if (const auto number = parse(address, 16)) listener.address = dotted(*number);
  }
  return listener;
}

std::string read_all(const fs::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

bool holds(const fs::path& process, const std::string& socket) {
  std::error_code failure;
  for (fs::directory_iterator one{process / "fd", failure}, end; !failure && one != end;
       one.increment(failure)) {
    std::error_code unreadable;
    if (fs::read_symlink(one->path(), unreadable) == socket) return true;
  }
  return false;
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view table, const std::string& protocol) {
  std::vector<Listener> found;
  std::istringstream lines{std::string{table}};
  std::string line;
  std::getline(lines, line);  // names of the columns
  while (std::getline(lines, line)) {
    if (auto listener = parse_line(line, protocol)) found.push_back(std::move(*listener));
  }
  return found;
}

std::vector<Listener> listeners(const std::string& proc) {
  std::vector<Listener> all;
  for (const auto* name : {"tcp", "tcp6", "udp", "udp6"}) {
    const std::string protocol = std::string_view{name}.substr(0, 3) == "tcp" ? "tcp" : "udp";
    auto found = parse_listeners(read_all(fs::path{proc} / "net" / name), protocol);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::optional<Owner> owner_of(std::uint64_t inode, const std::string& proc) {
  const auto socket = "socket:[" + std::to_string(inode) + "]";
  std::error_code failure;
  for (fs::directory_iterator one{proc, failure}, end; !failure && one != end;
       one.increment(failure)) {
    const auto name = one->path().filename().string();
    if (!is_number(name) || !holds(one->path(), socket)) continue;
    Owner owner;
    owner.pid = std::stoi(name);
    owner.command = read_all(one->path() / "comm");
    while (!owner.command.empty() && owner.command.back() == '\n') owner.command.pop_back();
    return owner;
  }
  return std::nullopt;
}

}  // namespace portoser::agent::inspection
