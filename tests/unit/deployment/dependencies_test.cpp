#include "controller/deployment/dependencies.h"

#include "common/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Needs = std::vector<std::pair<std::string, std::vector<std::string>>>;

registry::Registry registry_of(const Needs& all) {
  registry::Registry registry;
  for (const auto& [name, needs] : all) {
    registry::Service service;
    service.name = name;
    service.dependencies = needs;
    registry.add(std::move(service));
  }
  return registry;
}

DependencyGraph graph_of(const Needs& all) {
  return DependencyGraph{registry_of(all)};
}

const Needs shop{{"web", {"api", "cache"}},
                 {"api", {"db", "cache"}},
                 {"cache", {}},
                 {"db", {}},
                 {"report", {"db"}},
                 {"alone", {}}};

TEST(DependencyGraph, KnowsWhoNeedsWhom) {
  const auto graph = graph_of(shop);
  EXPECT_THAT(graph.needed_by("web"), ElementsAre("api", "cache"));
  EXPECT_THAT(graph.dependents_of("db"), ElementsAre("api", "report"));
  EXPECT_THAT(graph.all_dependents_of("db"), ElementsAre("api", "report", "web"));
  EXPECT_THAT(graph.all_dependents_of("web"), IsEmpty());
  EXPECT_THAT(graph.with_needed("alone"), ElementsAre("alone"));
  EXPECT_THAT(graph.needed_by("nobody"), IsEmpty());
}

TEST(DependencyGraph, FilesCountAsTheRegistryDoesAndAreTold) {
  const DependencyGraph graph{
      registry_of({{"web", {"db"}}, {"db", {}}, {"cache", {}}, {"job", {}}}),
      {{"web",
        {{"db", "compose", "required"},
         {"cache", "compose", "optional"},
         {"job", "compose", "completed"}}},
       {"cache", {{"ghost", "service_yml", "required"}, {"cache", "service_yml", "required"}}},
       {"stranger", {{"db", "compose", "required"}}}}};
  EXPECT_THAT(graph.needed_by("web"), ElementsAre("db", "cache", "job"));
  EXPECT_EQ(graph.need_of("web", "db").source, "registry");
  EXPECT_EQ(graph.need_of("web", "cache").source, "compose");
  EXPECT_EQ(graph.need_of("web", "cache").type, "optional");
  EXPECT_EQ(graph.need_of("cache", "ghost").source, "service_yml");
  EXPECT_THAT(graph.needed_by("cache"), ElementsAre("ghost"));
  EXPECT_THAT(graph.dependents_of("cache"), ElementsAre("web"));
  EXPECT_THAT(graph.dependents_of("db"), ElementsAre("web"));
  EXPECT_THAT(graph.missing(), ElementsAre("ghost"));
  // An optional one is started before, and its failure is no reason not to begin.
  EXPECT_THAT(graph.with_needed("web"), ElementsAre("web", "db", "cache", "job"));
  EXPECT_THAT(graph.with_required("web"), ElementsAre("web", "db", "job"));
}

TEST(DependencyGraph, ACycleThroughAFileSaysInWhichFileItIs) {
  const DependencyGraph graph{registry_of({{"a", {"b"}}, {"b", {}}}),
                              {{"b", {{"a", "service_yml", "required"}}}}};
  try {
    static_cast<void>(graph.waves({"a", "b"}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "DEPENDENCY_CYCLE");
    EXPECT_EQ(error.hint(),
              "take one of these dependencies away; \"a\" is named by the service.yml of \"b\"");
  }
}

TEST(DependencyGraph, AWaveHasWhatNeedsNothingOfALaterOne) {
  const auto graph = graph_of(shop);
  EXPECT_THAT(graph.waves(graph.with_needed("web")),
              ElementsAre(ElementsAre("cache", "db"), ElementsAre("api"), ElementsAre("web")));
  EXPECT_THAT(graph.waves({}), IsEmpty());
}

TEST(DependencyGraph, WhatLiesBetweenTwoCountsThoughItDoesNotTakePart) {
  EXPECT_THAT(graph_of(shop).waves({"web", "db"}),
              ElementsAre(ElementsAre("db"), ElementsAre("web")));
}

TEST(DependencyGraph, WhatIsMissingIsNamedAndHoldsNobodyUp) {
  const auto graph = graph_of({{"web", {"db", "ghost"}}, {"db", {"spirit", "ghost"}}});
  EXPECT_THAT(graph.missing(), ElementsAre("ghost", "spirit"));
  EXPECT_THAT(graph.dependents_of("ghost"), ElementsAre("web", "db"));
  EXPECT_THAT(graph.waves({"web", "db"}), ElementsAre(ElementsAre("db"), ElementsAre("web")));
}

TEST(DependencyGraph, NobodyNeedsItselfOrAnotherTwice) {
  const auto graph = graph_of({{"web", {"web", "db", "db"}}, {"db", {}}});
  EXPECT_THAT(graph.needed_by("web"), ElementsAre("db"));
  EXPECT_THAT(graph.dependents_of("db"), ElementsAre("web"));
  EXPECT_THAT(graph.cycles(), IsEmpty());
}

TEST(DependencyGraph, ACycleIsAClosedWay) {
  const auto graph = graph_of({{"grafana", {"prometheus"}},
                               {"prometheus", {"grafana", "db"}},
                               {"db", {}},
                               {"x", {"z"}},
                               {"y", {"x"}},
                               {"z", {"y"}}});
  EXPECT_THAT(graph.cycles(),
              ElementsAre(ElementsAre("grafana", "prometheus", "grafana"),
                          ElementsAre("x", "z", "y", "x")));
  EXPECT_EQ(cycle_text(graph.cycles()[1]), "x -> z -> y -> x");
}

TEST(DependencyGraph, TheShortestWayIsFound) {
  const auto graph = graph_of(shop);
  EXPECT_THAT(graph.way("web", "db"), ElementsAre("web", "api", "db"));
  EXPECT_THAT(graph.way("web", "cache"), ElementsAre("web", "cache"));
  EXPECT_THAT(graph.way("db", "web"), IsEmpty());
  EXPECT_THAT(graph.way("web", "web"), IsEmpty());
  EXPECT_THAT(graph.way("nobody", "db"), IsEmpty());
}

TEST(DependencyGraph, ACycleIsRefusedWhereItIsInTheWayAndNotElsewhere) {
  const auto graph =
      graph_of({{"web", {"a"}}, {"a", {"b"}}, {"b", {"a"}}, {"db", {}}, {"api", {"db"}}});
  EXPECT_THAT(graph.waves({"api"}), ElementsAre(ElementsAre("api")));
  EXPECT_THAT(graph.columns(),
              ElementsAre(ElementsAre("db"), ElementsAre("api"), ElementsAre("a", "b", "web")));
  try {
    static_cast<void>(graph.waves({"api", "web"}));
    FAIL() << "a cycle has no order";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "DEPENDENCY_CYCLE");
    EXPECT_THAT(error.message(), testing::HasSubstr("a -> b -> a"));
  }
}

TEST(DependencyGraph, ARowOfTwentyThousandIsNoBurden) {
  Needs all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back({"s" + std::to_string(i), {"s" + std::to_string((i + 1) % 20'000)}});
  }
  const auto graph = graph_of(all);
  ASSERT_EQ(graph.cycles().size(), 1U);
  EXPECT_EQ(graph.cycles()[0].size(), 20'001U);
}

/// What any graph must keep, against the plainest possible search.
TEST(DependencyGraph, AnyGraphIsOrderedOrHasItsCyclesNamed) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const auto number = [&](int below) {
    return std::uniform_int_distribution<int>{0, below - 1}(random);
  };
  for (int round = 0; round < 500; ++round) {
    const int count = 1 + number(9);
    std::map<std::string, std::set<std::string>> needs;
    Needs all;
    for (int i = 0; i < count; ++i) {
      const auto name = std::string(1, static_cast<char>('a' + i));
      for (int j = number(3); j > 0; --j) {
        needs[name].insert(std::string(1, static_cast<char>('a' + number(count + 1))));
      }
      needs[name].erase(name);
      all.push_back({name, {needs[name].begin(), needs[name].end()}});
    }
    // Whom one reaches, by repetition until nothing is added.
    auto reached = needs;
    for (bool grows = true; grows;) {
      grows = false;
      for (auto& [name, ones] : reached) {
        const auto before = ones;
        for (const auto& one : before) {
          const auto further = needs.find(one);
          if (further != needs.end()) ones.insert(further->second.begin(), further->second.end());
        }
        grows |= ones.size() > before.size();
      }
    }
    const auto graph = graph_of(all);
    const auto cycles = graph.cycles();
    std::set<std::string> on_a_way;
    for (const auto& cycle : cycles) {
      ASSERT_GE(cycle.size(), 3U);
      ASSERT_EQ(cycle.front(), cycle.back());
      for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
        ASSERT_TRUE(needs.at(cycle[i]).contains(cycle[i + 1]));
        ASSERT_TRUE(on_a_way.insert(cycle[i]).second) << "one way a knot";
      }
    }
    for (const auto& [name, ones] : reached) {
      if (!ones.contains(name)) {
        ASSERT_FALSE(on_a_way.contains(name));
        continue;
      }
      const bool is_told = std::any_of(cycles.begin(), cycles.end(), [&](const auto& cycle) {
        return cycle[0] == name || (ones.contains(cycle[0]) && reached.at(cycle[0]).contains(name));
      });
      ASSERT_TRUE(is_told) << name;
    }
    std::vector<std::string> asked;
    for (const auto& [name, ones] : needs) {
      if (number(2) == 0) asked.push_back(name);
    }
    const bool is_knotted = std::any_of(asked.begin(), asked.end(), [&](const auto& name) {
      return std::any_of(reached.begin(), reached.end(), [&](const auto& other) {
        return other.second.contains(other.first) &&
               (other.first == name || reached.at(name).contains(other.first));
      });
    });
    if (is_knotted) {
      ASSERT_THROW(static_cast<void>(graph.waves(asked)), Error);
      continue;
    }
    std::map<std::string, std::size_t> wave_of;
    const auto waves = graph.waves(asked);
    for (std::size_t i = 0; i < waves.size(); ++i) {
      ASSERT_FALSE(waves[i].empty());
      for (const auto& name : waves[i]) ASSERT_TRUE(wave_of.emplace(name, i).second);
    }
    ASSERT_EQ(wave_of.size(), asked.size());
    for (const auto& name : asked) {
      for (const auto& other : asked) {
        if (!reached.at(name).contains(other)) continue;
        ASSERT_GT(wave_of.at(name), wave_of.at(other));
      }
    }
  }
}

}  // namespace
}  // namespace portoser::deployment
