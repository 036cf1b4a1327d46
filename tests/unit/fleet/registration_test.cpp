#include "controller/fleet/registration.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "controller/registry/load.h"
#include "protocol/curve.h"

#include <gtest/gtest.h>

#include <limits>

namespace portoser::fleet {
namespace {

registry::Registry with_an_old_name() {
  return registry::parse_registry("hosts:\n  Old_Brick: {ip: 127.0.0.1}\n", "registry.yml");
}

RegistrationRequest without_agent() {
  RegistrationRequest request;
  request.hostname = "nuc-1";
  request.ip = "192.0.2.31";
  request.arch = "x86_64";
  request.os = "linux";
  request.os_version = "Debian 12";
  return request;
}

std::vector<std::string> wrong_fields(const RegistrationRequest& request) {
  std::vector<std::string> fields;
  try {
    check_form(request, with_an_old_name());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    for (const auto& detail : error.details()) fields.push_back(detail.where);
    EXPECT_EQ(fields.front(), error.where());
  }
  return fields;
}

using Names = std::vector<std::string>;

TEST(Registration, NamesThatNobodyMayTakeAreRefused) {
  EXPECT_EQ(wrong_fields(without_agent()), Names{});
  for (const auto& name : Names{"",
                                "x'; id; '",
                                "../../x",
                                "a|b",
                                "Nuc-1",
                                "a b",
                                "n\xc3\xbc"
                                "c",
                                ".",
                                "-nuc",
                                std::string(300, 'a'),
                                std::string("a\0b", 3)}) {
    auto request = without_agent();
    request.hostname = name;
    EXPECT_EQ(wrong_fields(request), Names{"body.hostname"}) << name;
  }
  auto old = without_agent();
  old.hostname = "Old_Brick";
  EXPECT_EQ(wrong_fields(old), Names{}) << "the registry has it so";
}

TEST(Registration, EachWrongFieldIsNamed) {
  auto request = without_agent();
  request.hostname = "a|b";
  request.ip = "10.0.0.256";
  request.arch = "z80";
  request.os = "plan9";
  request.os_version = "";
  request.resources.memory_gb = -1;
  request.resources.disk_gb = std::int64_t{1} << 40U;
  request.labels["site"] = "a\nb";
  EXPECT_EQ(wrong_fields(request),
            (Names{"body.hostname",
                   "body.ip",
                   "body.arch",
                   "body.os",
                   "body.os_version",
                   "body.labels.site",
                   "body.resources.memory_gb",
                   "body.resources.disk_gb"}));
}

TEST(Registration, AnAgentMeasuresWhatAHostWithoutOneHasToSay) {
  RegistrationRequest request;
  request.hostname = "nuc-1";
  EXPECT_EQ(wrong_fields(request), (Names{"body.ip", "body.arch", "body.os", "body.os_version"}));
  request.public_key = protocol::make_key_pair().public_key;
  EXPECT_EQ(wrong_fields(request), Names{});
  request.public_key = "short";
  EXPECT_EQ(wrong_fields(request), Names{"body.public_key"});
}

TEST(Registration, ARefusalIsShort) {
  auto request = without_agent();
  request.capabilities.assign(64, "");
  EXPECT_EQ(wrong_fields(request).size(), 32U);
  request.capabilities.assign(65, "");
  for (int i = 0; i < 65; ++i) request.labels["label-" + std::to_string(i)] = "a\nb";
  EXPECT_EQ(wrong_fields(request), (Names{"body.labels", "body.capabilities"}));
}

TEST(Registration, ANumberTooLargeIsRefusedAndNotAddedTo) {
  RegistrationRequest request;
  request.hostname = "nuc-1";
  request.ip_address = "192.0.2.31";
  request.ram_mb = std::numeric_limits<std::int64_t>::max();
  translate_old_form(request);
  EXPECT_EQ(wrong_fields(request), Names{"body.resources.memory_gb"});
}

TEST(Registration, WholeNumbersMayBeWrittenInThreeWays) {
  RegistrationRequest request;
  from_json(Json::parse(R"({"resources":{"cpu_cores":8,"cpu_threads":8.0,"memory_gb":"16"}})"),
            request,
            "body");
  EXPECT_EQ(request.resources.cpu_cores, 8);
  EXPECT_EQ(request.resources.cpu_threads, 8);
  EXPECT_EQ(request.resources.memory_gb, 16);
  EXPECT_THROW(from_json(Json::parse(R"({"resources":{"cpu_cores":7.7}})"), request, "body"),
               Error);
}

TEST(Registration, AnAddressIsOneAndNothingElse) {
  for (const auto* good :
       {"192.0.2.31", "2001:db8::1", "::1", "fe80::1%eth0", "fe80::1%br-1_a.7"}) {
    EXPECT_TRUE(is_address(good)) << good;
  }
  for (const auto& bad : Names{"",
                               "10.0.0.256",
                               "192.0.2.31%eth0",
                               "fe80::1%",
                               "fe80::1%eth0\n  evil: {ip: 192.0.2.66}",
                               "fe80::1%eth0 # x",
                               "fe80::1%sixteen-letters-",
                               "fe80::1\n",
                               std::string("192.0.2.31\0\nx", 13)}) {
    EXPECT_FALSE(is_address(bad)) << bad;
  }
}

TEST(Registration, OnlyAnAgentMeasuresAndWhatItMeasuredIsLookedAt) {
  auto stranger = without_agent();
  stranger.facts.emplace().addresses = {"192.0.2.1\n  evil: {}"};
  translate_old_form(stranger);
  EXPECT_FALSE(stranger.facts);
  EXPECT_EQ(facts_of(stranger).addresses, Names{"192.0.2.31"});

  RegistrationRequest agent;
  agent.hostname = "nuc-1";
  agent.public_key = protocol::make_key_pair().public_key;
  auto& facts = agent.facts.emplace();
  facts.addresses = {"192.0.2.1", "fe80::1%eth0"};
  facts.memory_bytes = std::int64_t{16} << 30U;
  EXPECT_EQ(wrong_fields(agent), Names{});
  agent.ip = "here";
  facts.kernel = "6.1\n";
  facts.cpu_cores = -1;
  facts.disk_bytes = std::numeric_limits<std::int64_t>::max();
  facts.addresses.emplace_back("192.0.2.1 # x");
  EXPECT_EQ(wrong_fields(agent),
            (Names{"body.ip",
                   "body.facts.kernel",
                   "body.facts.cpu_cores",
                   "body.facts.disk_bytes",
                   "body.facts.addresses"}));
  facts.addresses.assign(1025, "192.0.2.1");
  EXPECT_EQ(wrong_fields(agent).back(), "body.facts.addresses");
}

TEST(Registration, ThePayloadOfTheOldBootstrapIsPutIntoOurWords) {
  RegistrationRequest request;
  request.hostname = "nuc-1";
  request.ip_address = "192.0.2.31";
  request.os = "Debian GNU/Linux 12";
  request.os_id = "debian";
  request.architecture = "armv7l";
  request.kernel = "6.1.0";
  request.ram_mb = 15872;
  request.cpu_cores = 8;
  request.user = "portoser";
  request.docker_version = "Docker version 27.0.1, build abc";
  // Made with ssh-keygen, as is its fingerprint.
  request.ssh_public_key =
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCyeyrNWjk23A7CLszicjPCX5bo+Zqj2QeiCN8+Azqs3yEiwsuPj1fH"
      "gXfac9mK66DOwrr5PzCZ/VttdZJ+n8cr6JqpKuuFWsvzXBbym15kazXriHFXh1FbWCVp4jj9Vo0N1VbXCfq98O58gMw9"
      "zQ+4mXDy7NJedlRaImXgrLoFUw== user@nuc-1";
  ASSERT_TRUE(is_old_form(request));
  translate_old_form(request);
  EXPECT_EQ(wrong_fields(request), Names{}) << "its processor needs no word of ours";
  EXPECT_EQ(request.ip, "192.0.2.31");
  EXPECT_EQ(request.os, "linux");
  EXPECT_EQ(request.os_version, "Debian GNU/Linux 12");
  EXPECT_EQ(request.arch, "armv7l");
  EXPECT_EQ(request.resources.memory_gb, 16);
  EXPECT_EQ(request.resources.cpu_threads, 8);
  EXPECT_EQ(request.ssh_user, "portoser");
  EXPECT_EQ(request.ssh_key_fingerprint, "SHA256:ynI1FLerLnf01ChNh4GsuhufOfJZkbLl5zkUJgCcTik");
  EXPECT_EQ(request.capabilities, Names{"docker"});
  EXPECT_EQ(facts_of(request).kernel, "6.1.0");
  for (const auto* line : {"", "ssh-rsa", "ssh-rsa !!!! user"}) {
    EXPECT_EQ(ssh_fingerprint(line), "") << line;
  }
}

}  // namespace
}  // namespace portoser::fleet
