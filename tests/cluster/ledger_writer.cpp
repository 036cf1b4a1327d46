// The program of the service that tests move about (see move_world.h): rows in an SQLite file, each
// acknowledged when it is on the disk. Static, so that an image needs nothing else.
//
// TCP, port 8080, a line for each wish; the last line of an answer begins with "ok", "error" or
// "end":
//   add N     inserts row N in a transaction of its own: "ok N WRITER"
//   all       each row's number on a line, then "end COUNT"
//   starts    how often a writer was started on this file: "ok COUNT"
//   GET /health (HTTP)   200 when the file can be read
// WRITER names this process: no other start of it has that name.
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace {

constexpr auto ledger_file = "/data/ledger.db";
constexpr std::uint16_t port = 8080;
constexpr std::size_t most_connections = 200;
constexpr std::size_t longest_wish = 64U << 10U;

[[noreturn]] void give_up(const char* tried, const char* why) {
  std::fprintf(stderr, "ledger_writer: %s: %s\n", tried, why);
  std::exit(1);
}

std::string name_of_this_writer() {
  std::array<char, 64> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::uint32_t chance = 0;
  if (::getrandom(&chance, sizeof chance, 0) != sizeof chance) give_up("getrandom", "too short");
  return std::string{host.data()} + "-" + std::to_string(chance);
}

class Ledger {
 public:
  Ledger() {
    if (sqlite3_open(ledger_file, &database_) != SQLITE_OK) fail("open");
    sqlite3_busy_timeout(database_, 5000);
    for (const auto* sql :
         {"PRAGMA journal_mode = DELETE",
          "PRAGMA synchronous = FULL",
          "CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, writer TEXT NOT NULL)",
          "CREATE TABLE IF NOT EXISTS starts (id INTEGER PRIMARY KEY, writer TEXT NOT NULL)"}) {
      if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
    }
    insert_ = prepare("INSERT INTO rows (number, writer) VALUES (?1, ?2)");
    all_ = prepare("SELECT number FROM rows ORDER BY number");
    starts_ = prepare("SELECT count(*) FROM starts");
    auto* start = prepare("INSERT INTO starts (writer) VALUES (?1)");
    sqlite3_bind_text(start, 1, writer_.c_str(), -1, nullptr);
    if (sqlite3_step(start) != SQLITE_DONE) fail("note the start");
    sqlite3_finalize(start);
  }

  std::string add(std::string_view text) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
      return "error: that is no number\n";
    }
    sqlite3_bind_int64(insert_, 1, number);
    sqlite3_bind_text(insert_, 2, writer_.c_str(), -1, nullptr);
    const bool is_done = sqlite3_step(insert_) == SQLITE_DONE;
    auto answer = is_done ? "ok " + std::to_string(number) + " " + writer_ + "\n"
                          : std::string{"error: "} + sqlite3_errmsg(database_) + "\n";
    sqlite3_reset(insert_);
    return answer;
  }

  std::string all() {
    std::string text;
    std::int64_t count = 0;
    int outcome = sqlite3_step(all_);
    for (; outcome == SQLITE_ROW; outcome = sqlite3_step(all_)) {
      text += std::to_string(sqlite3_column_int64(all_, 0)) + "\n";
      ++count;
    }
    sqlite3_reset(all_);
    if (outcome != SQLITE_DONE) return std::string{"error: "} + sqlite3_errmsg(database_) + "\n";
    return text + "end " + std::to_string(count) + "\n";
  }

  std::string starts() {
    std::string answer = "error\n";
    if (sqlite3_step(starts_) == SQLITE_ROW) {
      answer = "ok " + std::to_string(sqlite3_column_int64(starts_, 0)) + "\n";
    }
    sqlite3_reset(starts_);
    return answer;
  }

 private:
  [[noreturn]] void fail(const char* tried) { give_up(tried, sqlite3_errmsg(database_)); }

  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) fail(sql);
    return statement;
  }

  std::string writer_ = name_of_this_writer();
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* all_ = nullptr;
  sqlite3_stmt* starts_ = nullptr;
};

struct Connection {
  int socket = -1;
  std::string in{};
  std::string out{};
  bool ends_when_sent = false;
  bool is_over = false;
};

std::string health(Ledger& ledger) {
  const bool is_well = ledger.starts().starts_with("ok");
  return std::string{is_well ? "HTTP/1.0 200 OK" : "HTTP/1.0 503 Service Unavailable"} +
         "\r\nContent-Length: 3\r\nConnection: close\r\n\r\n" + (is_well ? "ok\n" : "no\n");
}

/// What has come whole is answered.
void answer(Connection& connection, Ledger& ledger) {
  auto& in = connection.in;
  if (in.starts_with("GET ")) {
    // With all of its head read, so that closing does not take the answer back.
    if (in.find("\r\n\r\n") == std::string::npos) return;
    connection.out = in.starts_with("GET /health ")
                         ? health(ledger)
                         : "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    connection.ends_when_sent = true;
    in.clear();
    return;
  }
  for (auto end = in.find('\n'); end != std::string::npos; end = in.find('\n')) {
    const auto line = in.substr(0, end);
    in.erase(0, end + 1);
    if (line.starts_with("add ")) {
      connection.out += ledger.add(std::string_view{line}.substr(4));
    } else if (line == "all") {
      connection.out += ledger.all();
    } else if (line == "starts") {
      connection.out += ledger.starts();
    } else {
      connection.out += "error: what is that?\n";
    }
  }
}

void read_and_answer(Connection& connection, Ledger& ledger) {
  std::array<char, 4096> buffer{};
  const auto got = ::recv(connection.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got <= 0) {
    connection.is_over = true;
    return;
  }
  connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  connection.is_over = connection.in.size() > longest_wish;
  if (!connection.is_over) answer(connection, ledger);
}

void write_out(Connection& connection) {
  auto& out = connection.out;
  const auto sent = ::send(connection.socket, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) {
    connection.is_over = true;
    return;
  }
  out.erase(0, static_cast<std::size_t>(sent));
  if (out.empty() && connection.ends_when_sent) connection.is_over = true;
}

int listening_socket() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = INADDR_ANY;
  const void* raw = &address;
  if (::bind(socket, static_cast<const sockaddr*>(raw), sizeof address) != 0) give_up("bind", "");
  if (::listen(socket, SOMAXCONN) != 0) give_up("listen", "");
  return socket;
}

[[noreturn]] void serve(Ledger& ledger, int listener) {
  std::vector<Connection> connections;
  for (;;) {
    std::vector<pollfd> watched{{listener, POLLIN, 0}};
    for (const auto& one : connections) {
      const int wanted = one.out.empty() ? POLLIN : POLLOUT;
      watched.push_back({one.socket, static_cast<short>(wanted), 0});
    }
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < connections.size(); ++i) {
      auto& one = connections[i];
      if (watched[i + 1].revents == 0) continue;
      if (one.out.empty()) {
        read_and_answer(one, ledger);
      } else {
        write_out(one);
      }
    }
    if (watched.front().revents != 0) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) connections.push_back({.socket = socket});
      // Those whose peers went away without a word.
      if (connections.size() > most_connections) connections.front().is_over = true;
    }
    std::erase_if(connections, [](const Connection& one) {
      if (one.is_over) ::close(one.socket);
      return one.is_over;
    });
  }
}

}  // namespace

int main() {
  // At once: what was acknowledged is on the disk, and the journal takes back the rest.
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { ::_exit(0); });
  Ledger ledger;
  serve(ledger, listening_socket());
}
