// Hosts that join under a name which registry.yml does not have.

#include "controller/fleet/new_hosts.h"

#include "tests/unit/fleet/fleet_fixture.h"

#include <gmock/gmock.h>

namespace portoser::fleet {
namespace {

using testing::HasSubstr;

class NewHostsTest : public FleetTest {
 protected:
  NewHostsTest() {
    write(sample);
    start_editor();
  }
  ~NewHostsTest() override {
    editor_.reset();
    close();
  }

  static constexpr auto sample =
      "# mine\nmachines:\n  brick:   # the old one\n    host: 127.0.0.1\nservices:\n"
      "  notes: {machine: brick, compose_file: /srv/notes/compose.yml}\n";

  void start_editor() {
    editor_ = std::make_unique<registry::RegistryEditor>(
        *registry_, folder_ / "registry.yml", folder_ / "registry-backups", clock_);
    new_hosts_ = std::make_unique<HostsInRegistry>(*registry_, *editor_);
    fleet_->add_hosts_by(*new_hosts_);
  }
  void write(const std::string& text) {
    write_file_atomic(folder_ / "registry.yml", text);
    run(registry_->reload());
    // A file that was written just now is taken for one that is still being saved.
    const auto before = std::filesystem::file_time_type::clock::now() - std::chrono::seconds{10};
    std::filesystem::last_write_time(folder_ / "registry.yml", before);
  }
  std::string on_disk() { return read_file(folder_ / "registry.yml"); }
  std::string new_host_token(std::int64_t uses = 1) {
    storage::TokenRecord record;
    record.id = random_hex(4);
    record.secret_hash = to_hex(sha256("secret"));
    record.allow_new_host = true;
    record.max_uses = uses;
    record.created_at = clock_.now();
    storage::TokenStore tokens{*database_};
    run(tokens.insert(record));
    return record.id;
  }
  std::int64_t uses_of(const std::string& token) {
    storage::TokenStore tokens{*database_};
    return run(tokens.find(token))->uses;
  }
  RegistrationRequest pebble(const std::string& token) {
    auto made = request(token, device_keys_, "pebble");
    made.facts.emplace();
    made.facts->os = "linux";
    made.facts->arch = "x86_64";
    return made;
  }

  std::unique_ptr<registry::RegistryEditor> editor_;
  std::unique_ptr<HostsInRegistry> new_hosts_;
};

TEST_F(NewHostsTest, OneGetsAnEntryInTheFilesOwnWords) {
  const auto token = new_host_token();
  const auto answer = run(fleet_->join(pebble(token)));
  EXPECT_EQ(answer.status, "registered");
  EXPECT_EQ(answer.registry_version, registry_->snapshot()->registry->revision);
  const auto text = on_disk();
  EXPECT_THAT(text,
              HasSubstr("# mine\nmachines:\n  brick:   # the old one\n    host: 127.0.0.1\n"));
  EXPECT_THAT(text, HasSubstr("  pebble:\n    host: 192.0.2.7\n"));
  const auto* host = registry_->snapshot()->registry->find_host("pebble");
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->ip, "192.0.2.7");
  EXPECT_EQ(host->arch, "linux/amd64");
  EXPECT_TRUE(host->config_errors.empty());
  EXPECT_EQ(uses_of(token), 1);
  const auto again = run(fleet_->join(pebble(token)));
  EXPECT_TRUE(again.known_before);
  EXPECT_EQ(on_disk(), text);
}

TEST_F(NewHostsTest, TheAddressIsThatOfTheFactsWhenTheRequestHasNone) {
  auto made = pebble(new_host_token());
  made.ip.clear();
  EXPECT_EQ(refusal(made).where(), "body.ip");
  EXPECT_EQ(on_disk(), sample);
  made.facts->addresses = {"127.0.0.1", "fe80::1%eth0", "192.0.2.9"};
  made.facts->arch = "riscv64";
  run(fleet_->join(made));
  const auto* host = registry_->snapshot()->registry->find_host("pebble");
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->ip, "192.0.2.9");
  EXPECT_EQ(host->arch, "") << "nothing is invented";
}

TEST_F(NewHostsTest, WithoutTheTokensWordNothingIsAdded) {
  EXPECT_EQ(refusal(request(make_token(), device_keys_, "pebble")).reason(),
            "HOST_NOT_IN_REGISTRY");
  auto forged = pebble(new_host_token());
  forged.proof = std::string(64, '0');
  EXPECT_EQ(refusal(forged).reason(), "PROOF_WRONG");
  auto misnamed = request(new_host_token(), device_keys_, "Peb ble");
  EXPECT_EQ(refusal(misnamed).where(), "body.hostname");
  const auto used_up = new_host_token(0);
  EXPECT_EQ(refusal(pebble(used_up)).reason(), "TOKEN_USED_UP");
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(NewHostsTest, ARegistryThatCannotBeWrittenLeavesTheTokenItsUse) {
  const auto token = new_host_token();
  write("machines: [\n");
  const auto error = refusal(pebble(token));
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_EQ(error.reason(), "REGISTRY_BROKEN");
  EXPECT_EQ(uses_of(token), 0);
  EXPECT_FALSE(fleet_->devices()->contains("pebble"));
  write(sample);
  run(fleet_->join(pebble(token)));
}

TEST_F(NewHostsTest, ADeviceThatIsRefusedAfterAllTakesItsEntryAlong) {
  join_brick();
  const auto token = new_host_token();
  const auto error = refusal(pebble(token));  // with the key of brick
  EXPECT_EQ(error.reason(), "KEY_TAKEN");
  EXPECT_EQ(on_disk(), sample);
  EXPECT_EQ(uses_of(token), 0);
}

TEST_F(NewHostsTest, OfTwoAtOnceWithATokenForOneOneGetsAnEntry) {
  const auto token = new_host_token();
  const auto other_keys = protocol::make_key_pair();
  auto slate = request(token, other_keys, "slate");
  std::vector<std::string> outcomes;
  for (auto& made : {pebble(token), slate}) {
    asio::co_spawn(context_,
                   fleet_->join(made),
                   [&](const std::exception_ptr& ended, const RegistrationAnswer& /*answer*/) {
                     try {
                       if (ended) std::rethrow_exception(ended);
                       outcomes.emplace_back("joined");
                     } catch (const Error& error) {
                       outcomes.emplace_back(error.reason());
                     }
                   });
  }
  step_until([&] { return outcomes.size() == 2; });
  EXPECT_THAT(outcomes, testing::UnorderedElementsAre("joined", "TOKEN_USED_UP"));
  const auto registry = registry_->snapshot()->registry;
  EXPECT_NE(registry->find_host("pebble") == nullptr, registry->find_host("slate") == nullptr);
}

TEST_F(NewHostsTest, TwoAtOnceUnderOneNameGetOneEntry) {
  const auto token = new_host_token(9);
  int over = 0;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(context_,
                   fleet_->join(pebble(token)),
                   [&](const std::exception_ptr& ended, const RegistrationAnswer& /*answer*/) {
                     EXPECT_FALSE(ended);
                     ++over;
                   });
  }
  step_until([&] { return over == 2; });
  EXPECT_EQ(uses_of(token), 1);
  const auto text = on_disk();
  EXPECT_EQ(text.find("pebble"), text.rfind("pebble"));
}

TEST_F(NewHostsTest, WhoWaitsForApprovalHasItsEntryAlready) {
  editor_.reset();
  close();
  approval_required_ = true;
  open();
  start_editor();
  EXPECT_EQ(run(fleet_->join(pebble(new_host_token()))).status, "pending");
  EXPECT_NE(registry_->snapshot()->registry->find_host("pebble"), nullptr);
  run(fleet_->approve("pebble", {"ada", true}));
}

}  // namespace
}  // namespace portoser::fleet
