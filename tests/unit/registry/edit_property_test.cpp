// Thousands of random edits of files as people write them. PORTOSER_SEED chooses which.
#include "controller/registry/changes.h"
#include "controller/registry/load.h"
#include "tests/unit/registry/edits.h"
#include "tests/unit/registry/rest_of_entry.h"
#include "tests/unit/registry/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>

namespace portoser::registry {
namespace {

constexpr std::string_view lines_and_comments = R"(# cellar, since 2019
domain: cellar.example

hosts:   # two of them
  # the loud one
  den:
    ip: 198.51.100.7        # static
    ssh_user: "keeper"
    # ssh_port: 2222
    roles:
      - edge    # front door
      - 'build'

  loft:
    ip: '198.51.100.8'
    resources: {cpu_cores: 8, memory_gb: 31.5}  # measured

# what runs
services:

  wiki:    # everyone reads it
    current_host: den
    docker_compose: /wiki/compose.yml   # relative to path
    port: 8000
    dependencies: [store, "mail"]   # both
    health:
      type: http
      endpoint: /ready   # not /health
    description: >-
      folded text
      in two lines

  store:
    unit: store.service
    deployment_type: native

  # not used now
  mail:
    docker_compose: /mail.yml
    env:
      DB_PASSWORD: 'it''s # secret'
# the end
)";

constexpr std::string_view one_line_each = R"(domain: attic.lan
hosts:
  den:  {ip: 192.0.2.21, ssh_user: ops, ssh_port: 22, roles: [edge], status: online}  # a
  loft: {ip: 192.0.2.22, ssh_user: ops, arch: arm64-linux}
services:
  wiki:   {hostname: wiki.attic.lan, current_host: den, deployment_type: docker,
           docker_compose: /srv/apps/wiki/compose.yml, service_name: web, port: 8090,   # web
           dependencies: [store]}
  store:  {current_host: loft, deployment_type: native, service_file: /srv/pg.yml, port: 5432}
  mail: {current_host: loft, deployment_type: local, service_file: /srv/m.yml, port: 9444}
)";

constexpr std::string_view documented_style = R"(machines:
    den:
        host: 192.0.2.1
        user: ops
        tags: [a, b]
    loft:
        host: 192.0.2.2   # second
services:
    wiki:
        type: docker
        machine: den
        path: /srv/wiki
        compose_file: compose.yml
        depends_on:
            store:
                condition: service_healthy   # slow
            mail: {}
        health: {type: tcp, interval: 30}
    store: {type: native, unit: s.service, machine: loft}
    mail:
        compose_file: /m.yml
)";

constexpr std::string_view old_backend = R"(hosts: &id001
  den:
    host: 10.0.0.1
    ip: 10.0.0.1
  loft:
    ip: 10.0.0.2
machines: *id001
services:
  wiki:
    current_host: den
    docker_compose: /c.yml
  store: {unit: u, deployment_type: native}
  mail:
    docker_compose: /m.yml
)";

constexpr std::string_view as_json =
    R"({"hosts": {"den": {"ip": "a"}, "loft": {"ip": "b", "roles": ["x"]}},
 "services": {"wiki": {"docker_compose": "/c.yml", "port": 80},
  "store": {"unit": "u", "deployment_type": "native"}, "mail": {"docker_compose": "/m.yml"}}})";

std::string with_windows_line_ends(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') result += '\r';
    result += c;
  }
  return result;
}

class RandomEdits {
 public:
  explicit RandomEdits(unsigned seed) : random_(seed) {}

  EntryEdit next(const Registry& registry) {
    EntryEdit edit;
    edit.section = one_in(3) ? Section::hosts : Section::services;
    const auto names = names_of(registry, edit.section);
    edit.kind = one_in(6) ? EntryEdit::Kind::add : EntryEdit::Kind::change;
    if (one_in(8)) edit.kind = EntryEdit::Kind::remove;
    if (names.empty()) edit.kind = EntryEdit::Kind::add;
    edit.name = edit.kind == EntryEdit::Kind::add ? new_name() : names[below(names.size())];
    if (edit.kind == EntryEdit::Kind::remove) return edit;
    for (std::size_t i = 0; i <= below(3); ++i) add_field(edit);
    return edit;
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t count) { return below(count) == 0; }

 private:
  static std::vector<std::string> names_of(const Registry& registry, Section section) {
    std::vector<std::string> names;
    if (section == Section::hosts) {
      for (const auto& host : registry.hosts()) names.push_back(host.name);
    } else {
      for (const auto& service : registry.services()) names.push_back(service.name);
    }
    return names;
  }

  std::string new_name() {
    static const std::vector<std::string> odd{"no", "1.0", "0123", "null", "y", "a.b-c_d"};
    return one_in(5) ? odd[below(odd.size())] + std::to_string(++count_)
                     : "new" + std::to_string(++count_);
  }

  void add_field(EntryEdit& edit) {
    static const std::vector<std::string> of_hosts{
        "ip", "ssh_user", "ssh_port", "roles", "description", "resources", "path"};
    static const std::vector<std::string> of_services{"hostname",
                                                      "current_host",
                                                      "port",
                                                      "ports",
                                                      "dependencies",
                                                      "health",
                                                      "healthcheck_url",
                                                      "description",
                                                      "docker_compose",
                                                      "working_dir"};
    const auto& fields = edit.section == Section::hosts ? of_hosts : of_services;
    const auto& field = fields[below(fields.size())];
    const auto is_about_health = [](const std::string& name) { return name.starts_with("health"); };
    for (const auto& change : edit.fields) {
      if (change.field == field) return;
      // A body with both is refused.
      if (is_about_health(change.field) && is_about_health(field)) return;
    }
    edit.fields.push_back({field, one_in(4) ? FieldValue{} : value_for(field)});
  }

  FieldValue value_for(const std::string& field) {
    if (field == "port" || field == "ssh_port") return number(1 + static_cast<int>(below(65535)));
    if (field == "ports") {
      std::vector<FieldValue> items;
      for (std::size_t i = 0; i <= below(4); ++i) items.push_back(number(80 + static_cast<int>(i)));
      return FieldValue::of_list(std::move(items));
    }
    if (field == "roles" || field == "dependencies") {
      std::vector<std::string> all{"store", "mail", "wiki", "x, y", "edge", "no"};
      std::shuffle(all.begin(), all.end(), random_);
      all.resize(1 + below(4));
      return FieldValue::of_texts(all);
    }
    if (field == "resources") return FieldValue::of_map({{"cpu_cores", number(4)}});
    if (field == "health") {
      return FieldValue::of_map(
          {{"type", text(one_in(2) ? "http" : "tcp")}, {"interval", number(5)}});
    }
    static const std::vector<std::string> texts{"plain",
                                                "yes",
                                                "1.0",
                                                "a # b",
                                                "a: b",
                                                "it's",
                                                "\"q\"",
                                                "two\nlines",
                                                "{x",
                                                "größe",
                                                "end:",
                                                "http://a/b?c=d",
                                                "- x",
                                                "a, b"};
    return text(texts[below(texts.size())]);
  }

  std::mt19937 random_;
  int count_ = 0;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

/// The lines of an entry, both from 1 and both inside: from its key to the one before the next.
std::pair<int, int> lines_of_entry(const Registry& registry,
                                   const EntryEdit& edit,
                                   const std::vector<std::string>& lines) {
  const auto first = edit.section == Section::hosts ? registry.find_host(edit.name)->line
                                                    : registry.find_service(edit.name)->line;
  auto next = static_cast<int>(lines.size()) + 1;
  const auto consider = [&](int line) {
    if (line > first) next = std::min(next, line);
  };
  for (const auto& host : registry.hosts()) consider(host.line);
  for (const auto& service : registry.services()) consider(service.line);
  return {first, next - 1};
}

/// Lines before and behind the entry are the same to the byte, and so is what stands in its own
/// lines and is not meant.
void expect_only_the_entry_changed(const std::string& before,
                                   const std::string& after,
                                   const Registry& registry,
                                   const EntryEdit& edit) {
  const auto old_lines = lines_of(before);
  const auto new_lines = lines_of(after);
  const auto [first, last] = lines_of_entry(registry, edit, old_lines);
  for (int i = 0; i + 1 < first; ++i) {
    const auto at = static_cast<std::size_t>(i);
    ASSERT_LT(at, new_lines.size());
    ASSERT_EQ(old_lines[at], new_lines[at]) << "line " << i + 1;
  }
  const auto behind = old_lines.size() - static_cast<std::size_t>(last);
  ASSERT_LE(behind, new_lines.size());
  for (std::size_t i = 1; i <= behind; ++i) {
    ASSERT_EQ(old_lines[old_lines.size() - i], new_lines[new_lines.size() - i]);
  }
  const Lines old_entry(old_lines.begin() + (first - 1), old_lines.begin() + last);
  if (!has_lines_of_its_own(old_entry.front())) {
    ASSERT_EQ(other_members(before, edit), other_members(after, edit));
    return;
  }
  const auto end = new_lines.end() - static_cast<std::ptrdiff_t>(behind);
  ASSERT_LE(new_lines.begin() + (first - 1), end);
  expect_other_lines(old_entry, {new_lines.begin() + (first - 1), end}, edit);
}

/// All of the old text is there, in one piece or two.
bool is_insertion(const std::string& before, const std::string& after) {
  if (after.size() < before.size()) return false;
  std::size_t head = 0;
  while (head < before.size() && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < before.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  return head + tail == before.size();
}

void expect_entries_unchanged(const Registry& before,
                              const Registry& after,
                              const EntryEdit& edit) {
  const auto changes = changes_between(before, after);
  for (const auto section : {Section::hosts, Section::services}) {
    const auto& of = section == Section::hosts ? changes.machines : changes.services;
    auto expected = EntryChanges{};
    if (section == edit.section) {
      if (edit.kind == EntryEdit::Kind::add) expected.added = {edit.name};
      if (edit.kind == EntryEdit::Kind::remove) expected.removed = {edit.name};
      if (edit.kind == EntryEdit::Kind::change) expected.changed = of.changed;
      if (edit.kind == EntryEdit::Kind::change && !of.changed.empty()) {
        EXPECT_EQ(of.changed, std::vector{edit.name});
      }
    }
    EXPECT_EQ(of.added, expected.added);
    EXPECT_EQ(of.removed, expected.removed);
    EXPECT_EQ(of.changed, expected.changed);
  }
}

/// What the model says of the fields that read back as they are.
void expect_fields(const Registry& after, const EntryEdit& edit) {
  if (edit.section != Section::services || edit.kind == EntryEdit::Kind::remove) return;
  const auto* service = after.find_service(edit.name);
  ASSERT_NE(service, nullptr);
  for (const auto& [field, value] : edit.fields) {
    const bool is_gone = value.kind == FieldValue::Kind::null;
    if (field == "description") {
      EXPECT_EQ(service->description, is_gone ? "" : value.text);
    } else if (field == "port") {
      EXPECT_EQ(service->port, is_gone ? std::nullopt : std::optional{std::stoi(value.text)});
    } else if (field == "current_host") {
      EXPECT_EQ(service->current_host, is_gone ? std::nullopt : std::optional{value.text});
    } else if (field == "dependencies") {
      std::vector<std::string> wanted;
      for (const auto& item : value.items) wanted.push_back(item.text);
      // A map of dependencies keeps its own order.
      EXPECT_TRUE(std::is_permutation(wanted.begin(),
                                      wanted.end(),
                                      service->dependencies.begin(),
                                      service->dependencies.end()));
    }
  }
}

std::string described(const EntryEdit& edit) {
  std::string words = std::string{word_for(edit.section)} + " " + edit.name;
  for (const auto& [field, value] : edit.fields) {
    words += ", " + field + " = " + write_flow(value, Quotes::as_needed, false);
  }
  return words + "\n";
}

struct Tally {
  int made = 0;
  int refused = 0;
};

void edit_once(std::string& file, RandomEdits& random, Tally& tally) {
  const auto before = parse_registry(file, "registry.yml");
  const auto edit = random.next(before);
  std::string after;
  SCOPED_TRACE("--- before\n" + file + "--- " + described(edit));
  try {
    after = apply_edit(file, "registry.yml", edit);
  } catch (const Error& error) {
    ASSERT_EQ(error.reason(), "EDIT_NOT_SAFE") << error.message();
    ASSERT_NE(file.find('&'), std::string::npos) << error.message() << " " << error.where();
    ++tally.refused;
    return;
  }
  ++tally.made;
  SCOPED_TRACE("--- after\n" + after);
  const auto registry = parse_registry(after, "registry.yml");
  expect_entries_unchanged(before, registry, edit);
  expect_fields(registry, edit);
  const auto siblings =
      edit.section == Section::hosts ? before.hosts().size() : before.services().size();
  if (edit.kind == EntryEdit::Kind::change) {
    expect_only_the_entry_changed(file, after, before, edit);
  } else if (edit.kind == EntryEdit::Kind::add && siblings > 0) {
    EXPECT_TRUE(is_insertion(file, after));
  } else if (edit.kind == EntryEdit::Kind::remove && siblings > 1) {
    EXPECT_TRUE(is_insertion(after, file));
  }
  file = std::move(after);
}

TEST(RegistryEdit, ThousandsInEveryStyleTouchWhatTheyAreAboutAlone) {
  const auto* given = std::getenv("PORTOSER_SEED");
  const auto seed =
      given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
  std::cout << "PORTOSER_SEED=" << seed << std::endl;
  RandomEdits random{seed};
  const std::string windows = with_windows_line_ends(lines_and_comments);
  for (const auto style : {lines_and_comments,
                           one_line_each,
                           documented_style,
                           old_backend,
                           as_json,
                           sample_registry,
                           std::string_view{windows}}) {
    Tally tally;
    for (int round = 0; round < 20; ++round) {
      std::string file{style};
      for (int i = 0; i < 30; ++i) {
        edit_once(file, random, tally);
        if (testing::Test::HasFailure()) return;
      }
    }
    EXPECT_GT(tally.made, 300) << tally.refused << " were refused in\n" << style;
  }
}

}  // namespace
}  // namespace portoser::registry
