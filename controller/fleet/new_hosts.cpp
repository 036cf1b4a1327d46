#include "controller/fleet/new_hosts.h"

#include "common/error.h"

#include <array>
#include <string_view>
#include <utility>

namespace portoser::fleet {
namespace {

/// An address that other hosts can use too, as far as can be seen from it.
bool is_reachable_from_elsewhere(const std::string& address) {
  return is_address(address) && address != "::1" && !address.starts_with("127.") &&
         !address.starts_with("169.254.") && !address.starts_with("fe80:");
}

std::string address_in(const RegistrationRequest& request) {
  if (is_address(request.ip)) return request.ip;
  const auto addresses = facts_of(request).addresses;
  for (const auto& address : addresses) {
    if (is_reachable_from_elsewhere(address)) return address;
  }
  throw Error{
      Code::invalid, "a host that is to be added to registry.yml needs an address", "body.ip"}
      .hint("send \"ip\", or add the host to registry.yml by hand");
}

/// As docs/registry.md writes it; empty for words that it does not know.
std::string platform_of(const protocol::HostFacts& facts) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> cpus{
      {{"x86_64", "amd64"}, {"amd64", "amd64"}, {"aarch64", "arm64"}, {"arm64", "arm64"}}};
  if (facts.os != "linux" && facts.os != "darwin") return "";
  for (const auto& [said, written] : cpus) {
    if (facts.arch == said) return facts.os + "/" + std::string{written};
  }
  return "";
}

registry::EntryEdit edit_of_host(registry::EntryEdit::Kind kind, std::string name) {
  registry::EntryEdit edit;
  edit.kind = kind;
  edit.section = registry::Section::hosts;
  edit.name = std::move(name);
  return edit;
}

}  // namespace

NewHost new_host_of(const RegistrationRequest& request) {
  return {request.hostname, address_in(request), platform_of(facts_of(request))};
}

asio::awaitable<std::optional<std::string>> HostsInRegistry::add(NewHost host, std::string who) {
  auto edit = edit_of_host(registry::EntryEdit::Kind::add, std::move(host.name));
  edit.fields.push_back({"ip", registry::FieldValue::of_text(std::move(host.ip))});
  if (!host.arch.empty()) {
    edit.fields.push_back({"arch", registry::FieldValue::of_text(std::move(host.arch))});
  }
  registry::EditTerms terms;
  terms.who = std::move(who);
  std::optional<Error> failure;
  try {
    auto editing = editor_.edit(edit, std::move(terms));
    auto outcome = co_await std::move(editing);
    co_return std::move(outcome.entry_revision);
  } catch (const Error& error) {
    failure = error;
  }
  if (failure->reason() == "NAME_TAKEN") {
    // Somebody else wrote it a moment ago: what is in force may not have it yet.
    co_await registry_.reload();
    co_return std::nullopt;
  }
  if (failure->code() == Code::invalid) throw Error{*failure};
  // A file that cannot be edited is none of the host's mistakes, whatever is wrong with it.
  throw Error{Code::unavailable,
              "the host could not be added to registry.yml: " + failure->message(),
              failure->where()}
      .reason(failure->reason())
      .hint(failure->hint());
}

asio::awaitable<void> HostsInRegistry::take_back(std::string name,
                                                 std::string revision,
                                                 std::string who) {
  auto edit = edit_of_host(registry::EntryEdit::Kind::remove, std::move(name));
  registry::EditTerms terms;
  terms.who = std::move(who);
  terms.if_revision = {std::move(revision)};
  auto editing = editor_.edit(std::move(edit), std::move(terms));
  co_await std::move(editing);
}

}  // namespace portoser::fleet
