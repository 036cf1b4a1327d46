#include "agent/systemd/client.h"

#include "tests/unit/systemd/fake_systemd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace portoser::agent::systemd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::StartsWith;

class ClientTest : public testing::Test {
 protected:
  template <class T>
  T run(asio::awaitable<T> work) {
    std::optional<detail::Outcome<T>> outcome;
    auto guarded = detail::as_outcome<T>(std::move(work));
    asio::co_spawn(context, std::move(guarded), [&](const std::exception_ptr&, auto ended) {
      outcome = std::move(ended);
    });
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!outcome && std::chrono::steady_clock::now() < end) context.run_one_for(10ms);
    if (!outcome) throw std::runtime_error{"the call does not end"};
    if (outcome->failure) std::rethrow_exception(outcome->failure);
    return *outcome->value;
  }
  Error refusal(const std::string& path, std::chrono::milliseconds limit = 30s) {
    Client other{context.get_executor(), path, limit};
    try {
      run(other.version());
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "there was an answer";
    return Error{Code::internal, ""};
  }

  asio::io_context context{1};
  FakeSystemd systemd{context};
  Client client{context.get_executor(), systemd.socket_path(), 30s};
};

TEST_F(ClientTest, ReadsAUnit) {
  systemd.units["nginx.service"] = {{"Id", std::string{"nginx.service"}},
                                    {"ActiveState", std::string{"active"}},
                                    {"MainPID", std::uint64_t{42}}};
  const auto unit = run(client.unit("nginx.service"));
  EXPECT_EQ(unit.name, "nginx.service");
  EXPECT_EQ(unit.active_state, "active");
  EXPECT_EQ(unit.main_pid, 42);
  EXPECT_THAT(systemd.calls, Contains(StartsWith("AUTH EXTERNAL ")));
}

TEST_F(ClientTest, KnowsItsVersionAndWhetherAllIsGoingDown) {
  EXPECT_EQ(run(client.version()), "252.1-test");
  EXPECT_FALSE(run(client.is_stopping()));
  systemd.system_state = "stopping";
  EXPECT_TRUE(run(client.is_stopping()));
}

TEST_F(ClientTest, AHostWithoutSystemdIsNamedSo) {
  const auto error = refusal("/no/such/folder/private");
  EXPECT_EQ(error.reason(), "SYSTEMD_MISSING");
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_FALSE(error.hint().empty());
}

TEST_F(ClientTest, OneThatLetsNobodyInIsThere) {
  systemd.greeting = "REJECTED EXTERNAL\r\n";
  EXPECT_EQ(refusal(systemd.socket_path()).reason(), "SYSTEMD_UNAVAILABLE");
}

TEST_F(ClientTest, OneThatIsFrozenIsGivenUp) {
  systemd.freeze();
  EXPECT_EQ(refusal(systemd.socket_path(), 50ms).reason(), "SYSTEMD_TIMEOUT");
}

}  // namespace
}  // namespace portoser::agent::systemd
