// What is not known just now is shown with its age.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

namespace portoser::api {
namespace {

class LastKnown : public ApiTest {
 protected:
  /// The engine of "brick" gave its last sign a minute ago.
  void freeze_engine() {
    protocol::State state = telemetry::state_of_notes("unknown", {"a"});
    state.engine_available = false;
    state.engine_problem = "it has not answered";
    state.engine_silent_ms = 60'000;
    live_.on_state("brick", clock_.now(), std::move(state));
  }
};

TEST_F(LastKnown, ServiceThatIsKnownHasNoAge) {
  const auto row = get("/api/services")["services"][0];
  EXPECT_EQ(row["status"], "running");
  EXPECT_EQ(row["stale"], false);
  EXPECT_TRUE(row["age_seconds"].is_null());
  EXPECT_TRUE(row["known_at"].is_null());
}

TEST_F(LastKnown, ServiceOfAFrozenEngineIsUnknownWithItsAgeWhichGrows) {
  freeze_engine();
  const auto row = [this] { return get("/api/services")["services"][0]; };
  EXPECT_EQ(row()["status"], "unknown");
  EXPECT_EQ(row()["stale"], true);
  EXPECT_EQ(row()["last_known_status"], "running");
  EXPECT_TRUE(row()["known_at"].is_string());
  const auto age = row()["age_seconds"].get<double>();
  EXPECT_GE(age, 60);
  EXPECT_LT(age, 70);
  EXPECT_EQ(get("/api/services/notes")["stale"], true);
  step_until([&] { return row()["age_seconds"].get<double>() > age + 1; });
}

TEST_F(LastKnown, EngineThatIsFrozenIsShownWithItsAge) {
  EXPECT_TRUE(get("/api/machines/brick")["engine_seen_at"].is_null());
  freeze_engine();
  const auto row = get("/api/machines/brick");
  EXPECT_EQ(row["engine_available"], false);
  EXPECT_TRUE(row["engine_seen_at"].is_string());
  EXPECT_GE(row["engine_age_seconds"].get<double>(), 60);
}

}  // namespace
}  // namespace portoser::api
