#include "agent/routing/hosts_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace portoser::agent::routing {
namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

std::string plain_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  });
  return out;
}

/// A word of a line, by its place.
struct Word {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Line {
  std::string text;         ///< with what ends it
  std::vector<Word> words;  ///< without those of a comment
  std::string address;      ///< plain; empty: the line names nobody

  [[nodiscard]] std::string word(std::size_t index) const {
    return text.substr(words[index].begin, words[index].end - words[index].begin);
  }
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto size = end == std::string_view::npos ? text.size() : end + 1;
    Line line;
    line.text = text.substr(0, size);
    text.remove_prefix(size);
    const auto content = std::min(line.text.find('#'), line.text.size());
    for (std::size_t at = 0;;) {
      const auto begin = line.text.find_first_not_of(blanks, at);
      if (begin == std::string::npos || begin >= content) break;
      at = std::min(line.text.find_first_of(blanks, begin), content);
      line.words.push_back({begin, at});
    }
    if (!line.words.empty()) {
      const auto first = line.word(0);
      line.address = plain_address(first.substr(0, first.find('%')));  // of a link: fe80::1%eth0
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string ending_of(const Line& line) {
  return line.text.ends_with("\r\n") ? "\r\n" : "\n";
}

class Editor {
 public:
  Editor(std::string_view text, const protocol::RoutingHosts& command)
      : command_(command),
        lines_(lines_of(text)),
        new_(plain_address(command.address)),
        old_(plain_address(command.old_address)),
        ingress_(plain_address(command.ingress)),
        names_{plain_name(command.hostname)} {
    label_ = names_.front().substr(0, names_.front().find('.'));
    if (label_ == names_.front()) label_.clear();
  }

  HostsEdit edit() {
    HostsEdit out;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].words.empty() || !lines_[i].address.empty()) continue;
      out.outcome = HostsEdit::Outcome::no_hosts;
      out.bad_line = i + 1;
      return out;
    }
    choose_name();
    sort_lines(out);
    if (is_to_change_) {
      change_lines();
      out.outcome = HostsEdit::Outcome::changed;
    } else if (has_new_) {
      out.outcome = HostsEdit::Outcome::unchanged;
    } else if (!command_.ingress.empty() && (out.elsewhere.empty() || is_at_ingress_)) {
      out.outcome = HostsEdit::Outcome::at_ingress;
    } else if (!out.elsewhere.empty()) {
      out.outcome = HostsEdit::Outcome::elsewhere;
    } else {
      add_line();
      out.outcome = HostsEdit::Outcome::added;
    }
    for (const auto& line : lines_) out.text += line.text;
    return out;
  }

 private:
  [[nodiscard]] bool is_ours(const std::string& word) const {
    return std::find(names_.begin(), names_.end(), plain_name(word)) != names_.end();
  }
  [[nodiscard]] static bool has_name(const Line& line, const std::string& name) {
    for (std::size_t i = 1; i < line.words.size(); ++i) {
      if (plain_name(line.word(i)) == name) return true;
    }
    return false;
  }

  void choose_name() {
    const auto whole = names_.front();
    key_ = whole;
    if (label_.empty()) return;
    names_.push_back(label_);
    const auto names_it = [&](const Line& line) { return has_name(line, whole); };
    if (std::any_of(lines_.begin(), lines_.end(), names_it)) return;
    const auto is_short = [&](const Line& line) {
      const bool is_known = line.address == new_ || (!old_.empty() && line.address == old_);
      return is_known && has_name(line, label_);
    };
    if (std::any_of(lines_.begin(), lines_.end(), is_short)) key_ = label_;
  }

  [[nodiscard]] bool is_old(const Line& line) const {
    return has_name(line, key_) && line.address != new_ &&
           (command_.old_address.empty() || line.address == old_);
  }

  void sort_lines(HostsEdit& out) {
    for (const auto& line : lines_) {
      if (!has_name(line, key_)) continue;
      if (line.address == new_) {
        has_new_ = true;
      } else if (is_old(line)) {
        is_to_change_ = true;
      } else {
        is_at_ingress_ = is_at_ingress_ || (!ingress_.empty() && line.address == ingress_);
        out.elsewhere.push_back(line.word(0));
      }
    }
  }

  void change_lines() {
    std::vector<Line> changed;
    for (auto& line : lines_) {
      if (!is_old(line)) {
        changed.push_back(std::move(line));
        continue;
      }
      std::vector<std::size_t> ours;
      for (std::size_t i = 1; i < line.words.size(); ++i) {
        if (is_ours(line.word(i))) ours.push_back(i);
      }
      if (ours.size() + 1 == line.words.size()) {
        line.text.replace(
            line.words[0].begin, line.words[0].end - line.words[0].begin, command_.address);
        changed.push_back(std::move(line));
      } else {
        auto own = command_.address + "\t";
        for (const auto index : ours) own += (index == ours.front() ? "" : " ") + line.word(index);
        own += ending_of(line);
        take_away(line, ours);
        if (!line.text.ends_with('\n')) line.text += '\n';
        changed.push_back(std::move(line));
        changed.push_back({std::move(own), {}, {}});
      }
    }
    lines_ = std::move(changed);
  }

  /// With the blanks before each.
  static void take_away(Line& line, const std::vector<std::size_t>& words) {
    for (auto index = words.rbegin(); index != words.rend(); ++index) {
      const auto begin = line.words[*index - 1].end;
      line.text.erase(begin, line.words[*index].end - begin);
    }
  }

  void add_line() {
    std::string ending = "\n";
    if (!lines_.empty()) {
      ending = ending_of(lines_.front());
      if (!lines_.back().text.ends_with('\n')) lines_.back().text += ending;
    }
    lines_.push_back({command_.address + "\t" + command_.hostname + ending, {}, {}});
  }

  const protocol::RoutingHosts& command_;
  std::vector<Line> lines_;
  std::string new_;
  std::string old_;
  std::string ingress_;
  std::vector<std::string> names_;  ///< that move along
  std::string label_;               ///< the first one of the name; empty: it has no other
  std::string key_;                 ///< by which a line is one of ours
  bool has_new_ = false;
  bool is_to_change_ = false;
  bool is_at_ingress_ = false;
};

}  // namespace

std::string plain_address(std::string_view text) {
  const std::string address{text};
  in6_addr binary{};
  std::array<char, INET6_ADDRSTRLEN> written{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, address.c_str(), &binary) != 1) continue;
    return ::inet_ntop(family, &binary, written.data(), written.size());
  }
  return {};
}

HostsEdit edit_hosts(std::string_view text, const protocol::RoutingHosts& command) {
  return Editor{text, command}.edit();
}

}  // namespace portoser::agent::routing
