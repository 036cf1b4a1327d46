#include "common/error.h"
#include "controller/registry/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

namespace portoser::registry {
namespace {

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "the name was found";
  return Error{Code::internal, ""};
}

Registry cellar() {
  return parse_registry(
      "hosts:\n  brick: {ip: 192.0.2.1}\n  chalk: {ip: 192.0.2.2}\n"
      "services:\n  notes: {current_host: brick, docker_compose: /srv/notes.yml}\n",
      "registry.yml");
}

TEST(RegistryRequire, GivesTheEntryOfThatName) {
  const auto registry = cellar();
  EXPECT_EQ(registry.require_host("chalk", "path.machine").ip, "192.0.2.2");
  EXPECT_EQ(registry.require_service("notes", "path.service").current_host, "brick");
}

TEST(RegistryServicesOn, AreThoseOfThatHostInTheOrderOfTheFile) {
  const auto registry = parse_registry(
      "hosts:\n  brick: {ip: 192.0.2.1}\n  chalk: {ip: 192.0.2.2}\n"
      "services:\n  notes: {current_host: brick, docker_compose: /srv/notes.yml}\n"
      "  mail: {current_host: chalk, docker_compose: /srv/mail.yml}\n"
      "  books: {current_host: brick, docker_compose: /srv/books.yml}\n"
      "  spare: {docker_compose: /srv/spare.yml}\n",
      "registry.yml");
  const auto names = [&](std::string_view host) {
    std::vector<std::string> found;
    for (const auto* service : registry.services_on(host)) found.push_back(service->name);
    return found;
  };
  EXPECT_EQ(names("brick"), (std::vector<std::string>{"notes", "books"}));
  EXPECT_EQ(names("chalk"), std::vector<std::string>{"mail"});
  EXPECT_EQ(names("slate"), std::vector<std::string>{});
}

TEST(RegistryRequire, AnUnknownNameIsRefusedWithItsPlaceAndTheLikelyOne) {
  const auto registry = cellar();
  const auto host = error_of([&] { (void)registry.require_host("brik", "body.machine"); });
  EXPECT_EQ(host.code(), Code::not_found);
  EXPECT_EQ(host.reason(), "MACHINE_UNKNOWN");
  EXPECT_EQ(host.message(), "there is no host \"brik\" in registry.yml");
  EXPECT_EQ(host.where(), "body.machine");
  EXPECT_EQ(host.hint(), "did you mean \"brick\"?");
  const auto service = error_of([&] { (void)registry.require_service("note", "path.service"); });
  EXPECT_EQ(service.reason(), "SERVICE_UNKNOWN");
  EXPECT_EQ(service.message(), "there is no service \"note\" in registry.yml");
  EXPECT_EQ(service.where(), "path.service");
  EXPECT_EQ(service.hint(), "did you mean \"notes\"?");
}

TEST(RegistryRequire, WithoutALikelyNameTheHintTellsWhatThereIs) {
  const auto registry = cellar();
  const auto call = [&] { (void)registry.require_host("printer", "path.machine"); };
  EXPECT_EQ(error_of(call).hint(), "there are: brick, chalk");
  const Registry empty;
  const auto nothing = [&] { (void)empty.require_service("notes", "path.service"); };
  EXPECT_EQ(error_of(nothing).hint(), "there is no service at all");
}

TEST(RegistryRequire, TheHintNamesTenAtMost) {
  Registry registry;
  for (int i = 10; i < 22; ++i) {
    Host host;
    host.name = fmt::format("rack-{}", i);
    registry.add(std::move(host));
  }
  const auto call = [&] { (void)registry.require_host("printer", "path.machine"); };
  const auto hint = error_of(call).hint();
  EXPECT_NE(hint.find("rack-19 and 2 more"), std::string::npos) << hint;
  EXPECT_EQ(hint.find("rack-20"), std::string::npos) << hint;
}

}  // namespace
}  // namespace portoser::registry
