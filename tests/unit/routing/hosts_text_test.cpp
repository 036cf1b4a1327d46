#include "agent/routing/hosts_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::routing {
namespace {

using testing::ElementsAre;
using Outcome = HostsEdit::Outcome;

protocol::RoutingHosts hosts_command() {
  protocol::RoutingHosts out;
  out.hostname = "notes.attic.lan";
  out.old_address = "192.0.2.21";
  out.address = "192.0.2.22";
  return out;
}

HostsEdit edited(const std::string& text) {
  return edit_hosts(text, hosts_command());
}

TEST(HostsText, TheLineOfTheNameGetsTheAddressAndOthersStayByteForByte) {
  const auto edit = edited(
      "# ours\r\n"
      "127.0.0.1 localhost\n"
      "\n"
      "  192.0.2.21 \t Notes.attic.lan. notes   # since 2019: notes.attic.lan\n"
      "192.0.2.21\tbrick\n"
      "fe80::1%lo0 link\n"
      "192.0.2.30 wiki.attic.lan");
  EXPECT_EQ(edit.outcome, Outcome::changed);
  EXPECT_EQ(edit.text,
            "# ours\r\n"
            "127.0.0.1 localhost\n"
            "\n"
            "  192.0.2.22 \t Notes.attic.lan. notes   # since 2019: notes.attic.lan\n"
            "192.0.2.21\tbrick\n"
            "fe80::1%lo0 link\n"
            "192.0.2.30 wiki.attic.lan");
}

TEST(HostsText, OtherNamesOfItsLineStayWhereTheyAre) {
  const auto edit =
      edited("192.0.2.21 brick notes.attic.lan  wiki.attic.lan notes # both\r\n::1 x\r\n");
  EXPECT_EQ(edit.outcome, Outcome::changed);
  EXPECT_EQ(edit.text,
            "192.0.2.21 brick  wiki.attic.lan # both\r\n"
            "192.0.2.22\tnotes.attic.lan notes\r\n"
            "::1 x\r\n");
}

TEST(HostsText, ALastLineWithoutAnEndIsSplitAllTheSame) {
  EXPECT_EQ(edited("192.0.2.21 notes.attic.lan brick").text,
            "192.0.2.21 brick\n192.0.2.22\tnotes.attic.lan\n");
}

TEST(HostsText, ANameThatIsNotThereGetsALine) {
  EXPECT_EQ(edited("").text, "192.0.2.22\tnotes.attic.lan\n");
  const auto edit = edited("::1 localhost\r\n192.0.2.9 wiki");
  EXPECT_EQ(edit.outcome, Outcome::added);
  EXPECT_EQ(edit.text, "::1 localhost\r\n192.0.2.9 wiki\r\n192.0.2.22\tnotes.attic.lan\r\n");
}

TEST(HostsText, WhatIsRightAlreadyStays) {
  const std::string text = "192.0.2.22 notes.attic.lan\n";
  EXPECT_EQ(edited(text).outcome, Outcome::unchanged);
  EXPECT_EQ(edited(text).text, text);
  EXPECT_EQ(edited(edited("192.0.2.21 a notes.attic.lan\n").text).outcome, Outcome::unchanged);
}

TEST(HostsText, OtherAddressesOfTheNameStayAndAreTold) {
  const auto edit = edited("192.0.2.21 notes.attic.lan\nfd00::21 notes.attic.lan\n");
  EXPECT_EQ(edit.text, "192.0.2.22 notes.attic.lan\nfd00::21 notes.attic.lan\n");
  EXPECT_THAT(edit.elsewhere, ElementsAre("fd00::21"));
}

TEST(HostsText, ANameThatIsAtNeitherHostIsLeftAlone) {
  const std::string text = "192.0.2.9 notes.attic.lan\n";
  EXPECT_EQ(edited(text).outcome, Outcome::elsewhere);
  EXPECT_EQ(edited(text).text, text);
}

TEST(HostsText, WithoutAnOldAddressEveryLineOfTheNameFollows) {
  auto wanted = hosts_command();
  wanted.old_address.clear();
  EXPECT_EQ(edit_hosts("192.0.2.9 notes.attic.lan\n", wanted).text, "192.0.2.22 notes.attic.lan\n");
}

TEST(HostsText, BehindAnIngressOnlyANameAtTheOldHostFollows) {
  auto wanted = hosts_command();
  wanted.ingress = "192.0.2.2";
  EXPECT_EQ(edit_hosts("192.0.2.2 notes.attic.lan\n", wanted).outcome, Outcome::at_ingress);
  EXPECT_EQ(edit_hosts("::1 localhost\n", wanted).outcome, Outcome::at_ingress);
  EXPECT_EQ(edit_hosts("192.0.2.9 notes.attic.lan\n", wanted).outcome, Outcome::elsewhere);
  EXPECT_EQ(edit_hosts("192.0.2.21 notes.attic.lan\n", wanted).text,
            "192.0.2.22 notes.attic.lan\n");
}

/// dnsmasq's expand-hosts adds the domain.
TEST(HostsText, AShortNameCountsWhereTheWholeOneIsNowhere) {
  EXPECT_EQ(edited("192.0.2.21 notes\n192.0.2.9 notes\n").text,
            "192.0.2.22 notes\n192.0.2.9 notes\n");
  EXPECT_EQ(edited("192.0.2.21 notes\n192.0.2.21 notes.attic.lan\n").text,
            "192.0.2.21 notes\n192.0.2.22 notes.attic.lan\n");
}

TEST(HostsText, AddressesAreTheSameHoweverTheyAreWritten) {
  auto wanted = hosts_command();
  wanted.old_address = "fd00::21";
  wanted.address = "fd00::22";
  EXPECT_EQ(edit_hosts("FD00:0::21 notes.attic.lan\n", wanted).text, "fd00::22 notes.attic.lan\n");
}

TEST(HostsText, SettingsOfDnsmasqAreNotTakenForAHostsFile) {
  const auto edit = edited("# names\n\naddress=/notes.attic.lan/192.0.2.21\n");
  EXPECT_EQ(edit.outcome, Outcome::no_hosts);
  EXPECT_EQ(edit.bad_line, 3U);
}

}  // namespace
}  // namespace portoser::agent::routing
