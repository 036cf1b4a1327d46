#include "tests/unit/api/api_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using testing::ElementsAre;

class DependenciesTest : public ApiTest {
 protected:
  DependenciesTest() {
    write_registry(
        "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml, dependencies: "
        "[db]}\n"
        "  db: {current_host: brick, deployment_type: native, unit: postgresql, hostname: db.lan}\n"
        "  wiki: {dependencies: [notes, ghost]}\n");
  }
  void write_registry(const std::string& services) {
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n" + services);
    run(registry_->reload());
  }
  Json node(const std::string& id) {
    const auto graph = get("/api/dependencies/graph");
    for (const auto& node : graph["nodes"]) {
      if (node["id"] == id) return node;
    }
    ADD_FAILURE() << "no node " << id;
    return {};
  }
};

TEST_F(DependenciesTest, TheGraphHasEveryServiceAndWhatIsMissing) {
  const auto graph = get("/api/dependencies/graph");
  ASSERT_EQ(graph["nodes"].size(), 4U);
  ASSERT_EQ(graph["edges"].size(), 3U);
  EXPECT_EQ(graph["edges"][0]["from"], "notes");
  EXPECT_EQ(graph["edges"][0]["to"], "db");
  EXPECT_EQ(graph["edges"][0]["type"], "required");
  EXPECT_EQ(graph["edges"][0]["source"], "registry");
  const auto& flow = graph["react_flow"];
  ASSERT_EQ(flow["nodes"].size(), 4U);
  EXPECT_EQ(flow["nodes"][0]["id"], "ghost");
  EXPECT_EQ(
      flow["nodes"][3],
      (Json{{"id", "wiki"}, {"position", {{"x", 780}, {"y", 0}}}, {"data", {{"label", "wiki"}}}}));
  EXPECT_EQ(flow["edges"][0], (Json{{"id", "notes -> db"}, {"source", "notes"}, {"target", "db"}}));
  EXPECT_EQ(graph["cycles"], Json::array());
  EXPECT_EQ(graph["unread"], Json::array());
  EXPECT_EQ(graph["revision"], registry_->snapshot()->registry->revision);
  const auto notes = node("notes");
  EXPECT_EQ(notes["status"], "running");
  EXPECT_EQ(notes["health"], get("/api/services/notes")["health"]);
  EXPECT_EQ(notes["host"], "brick");
  const auto db = node("db");
  EXPECT_EQ(db["type"], "native");
  EXPECT_EQ(db["hostname"], "db.lan");
  EXPECT_EQ(db["health"], "unknown") << "nobody can tell";
  EXPECT_EQ(node("wiki")["host"], "unassigned");
  const auto ghost = node("ghost");
  EXPECT_EQ(ghost["type"], "missing");
  EXPECT_EQ(ghost["health"], "unknown");
  EXPECT_EQ(ghost["host"], "unassigned");
}

TEST_F(DependenciesTest, AFileThatNobodyHasReadIsNamed) {
  write_registry(
      "  web: {current_host: brick, docker_compose: /srv/shop/compose.yml, service_name: web}\n");
  EXPECT_EQ(get("/api/dependencies/graph")["unread"],
            (Json{{{"service", "web"}, {"reason", "\"brick\" has not told yet"}}}));
}

TEST_F(DependenciesTest, AServiceHasBothDirections) {
  const auto notes = get("/api/dependencies/service/notes");
  EXPECT_EQ(
      notes["dependencies"],
      (Json{{{"name", "db"}, {"host", "brick"}, {"type", "required"}, {"source", "registry"}}}));
  EXPECT_EQ(notes["dependents"],
            (Json{{{"name", "wiki"},
                   {"host", "unassigned"},
                   {"type", "required"},
                   {"source", "registry"}}}));
}

TEST_F(DependenciesTest, TheOrderBeginsWithWhatNeedsNothing) {
  const auto order = get("/api/dependencies/deployment-order/wiki");
  EXPECT_EQ(order["deployment_order"], (Json{"db", "notes", "wiki"}));
  EXPECT_EQ(order["waves"], (Json{{"db"}, {"notes"}, {"wiki"}}));
  EXPECT_EQ(order["total_services"], 3);
  EXPECT_EQ(order["missing"], Json::array({"ghost"}));
  EXPECT_EQ(get("/api/dependencies/deployment-order/db")["missing"], Json::array());
}

TEST_F(DependenciesTest, TheImpactIsOfAllWhoNeedIt) {
  const auto impact = get("/api/dependencies/impact/db");
  EXPECT_EQ(impact["direct_dependents"], Json::array({"notes"}));
  EXPECT_EQ(impact["all_dependents"], (Json{"notes", "wiki"}));
  EXPECT_EQ(impact["impact_level"], "medium");
  EXPECT_EQ(impact["total_affected"], 2);
  EXPECT_EQ(get("/api/dependencies/impact/wiki")["impact_level"], "low");
}

TEST_F(DependenciesTest, WhatIsWrongIsNamed) {
  auto validation = get("/api/dependencies/validate");
  EXPECT_EQ(validation["valid"], false);
  EXPECT_EQ(validation["errors"],
            Json::array({"\"wiki\" needs \"ghost\", and there is no such service"}));
  EXPECT_EQ(validation["total_errors"], 1);
  write_registry("  a: {dependencies: [b]}\n  b: {dependencies: [a]}\n");
  validation = get("/api/dependencies/validate");
  EXPECT_EQ(validation["errors"], Json::array({"services need each other: a -> b -> a"}));
  EXPECT_EQ(get("/api/dependencies/graph")["cycles"], (Json{{"a", "b", "a"}}));
  try {
    ask("/api/dependencies/deployment-order/a");
    FAIL() << "a cycle has no order";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_EQ(error.reason(), "DEPENDENCY_CYCLE");
  }
  write_registry("  a: {dependencies: [b]}\n  b: {}\n");
  EXPECT_EQ(get("/api/dependencies/validate")["valid"], true);
}

TEST_F(DependenciesTest, TheListHasServicesWithoutAny) {
  const auto list = get("/api/dependencies/list");
  EXPECT_EQ(list["dependencies"]["db"], Json::array());
  EXPECT_EQ(list["dependencies"]["wiki"], (Json{"notes", "ghost"}));
  EXPECT_EQ(list["total_services"], 3);
}

TEST_F(DependenciesTest, OneIsAddedAndTakenOutInTheFile) {
  const auto text = [this] { return read_file(folder_ / "registry.yml"); };
  const auto added = send(
      http::Method::post, "/api/dependencies/add", {{"service", "wiki"}, {"dependency", "db"}});
  EXPECT_EQ(added["success"], true);
  EXPECT_EQ(added["message"], "\"wiki\" needs \"db\"");
  EXPECT_EQ(added["revision"], registry_->snapshot()->registry->revision);
  EXPECT_EQ(get("/api/dependencies/list")["dependencies"]["wiki"], (Json{"notes", "ghost", "db"}));
  EXPECT_NE(text().find("dependencies: [notes, ghost, db]"), std::string::npos) << text();
  for (const auto* name : {"db", "ghost"}) {
    send(http::Method::delete_,
         "/api/dependencies/remove",
         {{"service", "wiki"}, {"dependency", name}});
  }
  EXPECT_EQ(get("/api/dependencies/list")["dependencies"]["wiki"], Json::array({"notes"}));
  send(http::Method::delete_,
       "/api/dependencies/remove",
       {{"service", "notes"}, {"dependency", "db"}});
  EXPECT_EQ(get("/api/dependencies/list")["dependencies"]["notes"], Json::array());
}

TEST_F(DependenciesTest, WhatCannotBeIsRefusedAndChangesNothing) {
  const auto before = read_file(folder_ / "registry.yml");
  const auto refused = [this](http::Method method, const char* service, const char* dependency) {
    const std::string target =
        method == http::Method::post ? "/api/dependencies/add" : "/api/dependencies/remove";
    try {
      send(method, target, {{"service", service}, {"dependency", dependency}});
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << service << " " << dependency << " was done";
    return Error{Code::internal, ""};
  };
  EXPECT_EQ(refused(http::Method::post, "note", "db").where(), "body.service");
  EXPECT_EQ(refused(http::Method::post, "notes", "dB").hint(), "did you mean \"db\"?");
  EXPECT_EQ(refused(http::Method::post, "notes", "notes").code(), Code::invalid);
  EXPECT_EQ(refused(http::Method::post, "notes", "db").reason(), "DEPENDENCY_EXISTS");
  const auto cycle = refused(http::Method::post, "db", "wiki");
  EXPECT_EQ(cycle.reason(), "DEPENDENCY_CYCLE");
  EXPECT_EQ(cycle.message(), "that would close a cycle: db -> wiki -> notes -> db");
  EXPECT_EQ(refused(http::Method::delete_, "db", "wiki").reason(), "DEPENDENCY_UNKNOWN");
  EXPECT_EQ(read_file(folder_ / "registry.yml"), before);
}

TEST_F(DependenciesTest, AnUnknownServiceIsToldWhichWasMeant) {
  for (const auto* target : {"/api/dependencies/service/note",
                             "/api/dependencies/deployment-order/note",
                             "/api/dependencies/impact/note"}) {
    try {
      ask(target);
      ADD_FAILURE() << target << " was answered";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "SERVICE_UNKNOWN") << target;
      EXPECT_EQ(error.hint(), "did you mean \"notes\"?") << target;
    }
  }
}

TEST_F(DependenciesTest, NoServicesAreAnEmptyGraph) {
  write_file_atomic(folder_ / "registry.yml", "hosts: {}\nservices: {}\n");
  run(registry_->reload());
  const auto graph = get("/api/dependencies/graph");
  EXPECT_EQ(graph["nodes"], Json::array());
  EXPECT_EQ(graph["edges"], Json::array());
  EXPECT_EQ(get("/api/dependencies/validate")["valid"], true);
  EXPECT_EQ(get("/api/dependencies/list")["dependencies"], Json::object());
}

}  // namespace
}  // namespace portoser::api
