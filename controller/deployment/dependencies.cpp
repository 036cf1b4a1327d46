#include "controller/deployment/dependencies.h"

#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

const std::vector<std::string> nobody;

/// The members of a graph that reach each other, after Tarjan ("Depth-first search and linear graph
/// algorithms", 1972), without recursion: a registry of 20,000 services in a row must not overflow
/// a stack.
class Knots {
 public:
  using Next = std::function<const std::vector<std::string>&(const std::string&)>;

  explicit Knots(Next next) : next_(std::move(next)) {}

  void visit(const std::string& start) {
    if (marks_.contains(start)) return;
    enter(start);
    while (!path_.empty()) {
      auto& step = path_.back();
      const auto& next = next_(step.name);
      if (step.next < next.size()) {
        const auto& to = next[step.next++];
        const auto found = marks_.find(to);
        if (found == marks_.end()) {
          enter(to);
        } else if (found->second.is_open) {
          auto& mark = marks_.at(step.name);
          mark.lowest = std::min(mark.lowest, found->second.number);
        }
        continue;
      }
      leave();
    }
  }

  /// Of more than one member.
  [[nodiscard]] const std::vector<std::vector<std::string>>& found() const { return found_; }

 private:
  struct Mark {
    std::size_t number = 0;
    std::size_t lowest = 0;  ///< number of the oldest that it reaches
    bool is_open = true;     ///< its knot is not known yet
  };
  struct Step {
    std::string name;
    std::size_t next = 0;
  };

  void enter(const std::string& name) {
    const auto number = marks_.size();
    marks_[name] = {number, number, true};
    open_.push_back(name);
    path_.push_back({name, 0});
  }

  void leave() {
    const auto name = std::move(path_.back().name);
    path_.pop_back();
    const auto mark = marks_.at(name);
    if (!path_.empty()) {
      auto& before = marks_.at(path_.back().name);
      before.lowest = std::min(before.lowest, mark.lowest);
    }
    if (mark.lowest != mark.number) return;
    std::vector<std::string> knot;
    for (bool more = true; more;) {
      marks_.at(open_.back()).is_open = false;
      more = open_.back() != name;
      knot.push_back(std::move(open_.back()));
      open_.pop_back();
    }
    if (knot.size() > 1) found_.push_back(std::move(knot));
  }

  Next next_;
  std::map<std::string, Mark> marks_;
  std::vector<std::string> open_;
  std::vector<Step> path_;
  std::vector<std::vector<std::string>> found_;
};

}  // namespace

std::string cycle_text(const std::vector<std::string>& cycle) {
  return fmt::format("{}", fmt::join(cycle, " -> "));
}

std::string_view file_word(std::string_view source) {
  if (source == "compose") return "compose file";
  return source == "service_yml" ? "service.yml" : "registry.yml";
}

DependencyGraph::DependencyGraph(const registry::Registry& registry, const FileNeeds& files) {
  for (const auto& service : registry.services()) {
    order_.push_back(service.name);
    auto& node = nodes_[service.name];
    std::set<std::string_view> seen{service.name};
    for (const auto& name : service.dependencies) {
      if (seen.insert(name).second) node.needs_all.push_back(name);
    }
    const auto in_file = files.find(service.name);
    if (in_file == files.end()) continue;
    for (const auto& need : in_file->second) {
      if (!seen.insert(need.name).second) continue;
      node.needs_all.push_back(need.name);
      node.in_file.emplace(need.name, need);
    }
  }
  std::set<std::string> missing;
  for (const auto& name : order_) {
    for (const auto& needed : nodes_.at(name).needs_all) {
      nodes_[needed].dependents.push_back(name);
      if (registry.find_service(needed) == nullptr) {
        missing.insert(needed);
      } else {
        auto& node = nodes_.at(name);
        node.needs.push_back(needed);
        if (need_of(name, needed).type != "optional") node.required.push_back(needed);
      }
    }
  }
  missing_.assign(missing.begin(), missing.end());
}

FileNeed DependencyGraph::need_of(const std::string& service, const std::string& needed) const {
  FileNeed in_registry{needed, "registry", "required"};
  const auto found = nodes_.find(service);
  if (found == nodes_.end()) return in_registry;
  const auto need = found->second.in_file.find(needed);
  return need == found->second.in_file.end() ? in_registry : need->second;
}

const std::vector<std::string>& DependencyGraph::needed_by(std::string_view service) const {
  const auto found = nodes_.find(service);
  return found == nodes_.end() ? nobody : found->second.needs_all;
}

const std::vector<std::string>& DependencyGraph::dependents_of(std::string_view service) const {
  const auto found = nodes_.find(service);
  return found == nodes_.end() ? nobody : found->second.dependents;
}

/// The nearest first, with the service itself.
std::vector<std::string> DependencyGraph::reached_from(std::string_view service,
                                                       std::vector<std::string> Node::*next) const {
  std::vector<std::string> reached{std::string{service}};
  std::set<std::string, std::less<>> seen{reached.front()};
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const auto found = nodes_.find(reached[i]);
    if (found == nodes_.end()) continue;
    for (const auto& name : found->second.*next) {
      if (seen.insert(name).second) reached.push_back(name);
    }
  }
  return reached;
}

std::vector<std::string> DependencyGraph::all_dependents_of(std::string_view service) const {
  auto reached = reached_from(service, &Node::dependents);
  reached.erase(reached.begin());
  return reached;
}

std::vector<std::string> DependencyGraph::with_needed(std::string_view service) const {
  return reached_from(service, &Node::needs);
}

std::vector<std::string> DependencyGraph::with_required(std::string_view service) const {
  return reached_from(service, &Node::required);
}

std::vector<std::string> DependencyGraph::way(const std::string& from,
                                              const std::string& to) const {
  std::map<std::string, std::string> reached_by;
  std::deque<std::string> open{from};
  while (!open.empty() && !reached_by.contains(to)) {
    const auto name = std::move(open.front());
    open.pop_front();
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) continue;
    for (const auto& needed : found->second.needs) {
      if (reached_by.emplace(needed, name).second) open.push_back(needed);
    }
  }
  if (!reached_by.contains(to)) return {};
  std::vector<std::string> way{to};
  do {
    way.push_back(reached_by.at(way.back()));
  } while (way.back() != from);
  std::reverse(way.begin(), way.end());
  return way;
}

std::vector<std::vector<std::string>> DependencyGraph::cycles() const {
  Knots knots{[this](const std::string& name) -> const std::vector<std::string>& {
    return nodes_.at(name).needs;
  }};
  for (const auto& name : order_) knots.visit(name);
  std::vector<std::vector<std::string>> cycles;
  for (const auto& knot : knots.found()) {
    // Whatever lies between two members of a knot is in it.
    const auto& first = *std::min_element(knot.begin(), knot.end());
    cycles.push_back(way(first, first));
  }
  std::sort(cycles.begin(), cycles.end());
  return cycles;
}

DependencyGraph::Peeled DependencyGraph::peel(const std::vector<std::string>& services) const {
  // All that they need takes part, and those that were not asked for leave at the end.
  std::map<std::string, std::size_t> waits_for;
  for (const auto& service : services) {
    if (waits_for.contains(service)) continue;
    for (const auto& name : with_needed(service)) waits_for[name] = 0;
  }
  std::vector<std::string> ready;
  for (auto& [name, count] : waits_for) {
    const auto found = nodes_.find(name);
    count = found == nodes_.end() ? 0 : found->second.needs.size();
    if (count == 0) ready.push_back(name);
  }
  const std::set<std::string_view> wanted(services.begin(), services.end());
  Peeled peeled;
  while (!ready.empty()) {
    Wave wave;
    std::vector<std::string> next;
    for (const auto& name : ready) {
      if (wanted.contains(name)) wave.push_back(name);
      for (const auto& dependent : dependents_of(name)) {
        const auto found = waits_for.find(dependent);
        if (found != waits_for.end() && --found->second == 0) next.push_back(dependent);
      }
    }
    std::sort(wave.begin(), wave.end());
    if (!wave.empty()) peeled.waves.push_back(std::move(wave));
    ready = std::move(next);
  }
  for (const auto& [name, count] : waits_for) {
    if (count > 0) peeled.knotted.push_back(name);
  }
  return peeled;
}

std::vector<Wave> DependencyGraph::waves(const std::vector<std::string>& services) const {
  auto peeled = peel(services);
  if (peeled.knotted.empty()) return std::move(peeled.waves);
  for (const auto& cycle : cycles()) {
    if (!std::binary_search(peeled.knotted.begin(), peeled.knotted.end(), cycle.front())) continue;
    throw Error{Code::conflict, fmt::format("services need each other: {}", cycle_text(cycle))}
        .reason("DEPENDENCY_CYCLE")
        .hint(advice(cycle));
  }
  return std::move(peeled.waves);
}

std::string DependencyGraph::advice(const std::vector<std::string>& cycle) const {
  std::string text = "take one of these dependencies away";
  for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
    const auto need = need_of(cycle[i], cycle[i + 1]);
    if (need.source == "registry") continue;
    text += fmt::format(
        "; \"{}\" is named by the {} of \"{}\"", need.name, file_word(need.source), cycle[i]);
  }
  return text;
}

std::vector<Wave> DependencyGraph::order_of(const std::vector<std::string>& services) const {
  auto peeled = peel(services);
  // Whoever needs another, and is not needed by it, reaches more than that one does.
  std::map<std::size_t, Wave> by_reach;
  const std::set<std::string_view> wanted(services.begin(), services.end());
  for (const auto& name : peeled.knotted) {
    if (wanted.contains(name)) by_reach[with_needed(name).size()].push_back(name);
  }
  for (auto& [reach, wave] : by_reach) peeled.waves.push_back(std::move(wave));
  return std::move(peeled.waves);
}

std::vector<Wave> DependencyGraph::columns() const {
  auto peeled = peel(order_);
  if (!peeled.knotted.empty()) peeled.waves.push_back(std::move(peeled.knotted));
  return std::move(peeled.waves);
}

}  // namespace portoser::deployment
