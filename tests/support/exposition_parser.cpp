#include "tests/support/exposition_parser.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>

namespace portoser::test {
namespace {

bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_';
}

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    std::uint32_t code = first;
    if (first >= 0x80) {
      size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
      if (first < 0xC0 || first > 0xF4 || i + size > text.size()) return false;
      code = first & (0xFFU >> (size + 1));
      for (std::size_t k = 1; k < size; ++k) {
        const auto next = static_cast<unsigned char>(text[i + k]);
        if ((next & 0xC0U) != 0x80U) return false;
        code = (code << 6U) | (next & 0x3FU);
      }
      constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
      if (code < least.at(size) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return false;
    }
    i += size;
  }
  return true;
}

std::string labels_text(const std::map<std::string, std::string>& labels, bool without_bound) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!without_bound || name != "le") text += fmt::format("{}={}\n", name, value);
  }
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, ExpositionFormat format)
      : text_(text), is_open_(format == ExpositionFormat::openmetrics) {}

  ParsedPage parse() {
    require(is_utf8(text_), "it is not UTF-8");
    require(!text_.empty() && text_.back() == '\n', "it does not end with a line");
    bool has_ended = false;
    while (!text_.empty()) {
      ++number_;
      const auto end = text_.find('\n');
      line_ = text_.substr(0, end);
      text_.remove_prefix(end + 1);
      require(!has_ended, "something follows the end");
      if (is_open_ && line_ == "# EOF") {
        has_ended = true;
      } else if (line_.starts_with("#")) {
        read_metadata();
      } else {
        read_sample();
      }
    }
    finish_family();
    require(!is_open_ || has_ended, "# EOF is missing");
    return std::move(page_);
  }

 private:
  void require(bool condition, const std::string& message) const {
    if (!condition) {
      throw std::runtime_error{fmt::format("line {} (\"{}\"): {}", number_, line_, message)};
    }
  }

  std::string take_name(std::string_view& rest, bool with_colon) const {
    std::size_t size = 0;
    while (size < rest.size() && (is_letter(rest[size]) || (with_colon && rest[size] == ':') ||
                                  (size > 0 && is_digit(rest[size])))) {
      ++size;
    }
    require(size > 0, "a name is missing");
    std::string name{rest.substr(0, size)};
    rest.remove_prefix(size);
    return name;
  }

  void take_blank(std::string_view& rest) const {
    require(rest.starts_with(" "), "a blank is missing");
    rest.remove_prefix(1);
    require(!rest.starts_with(" "), "a blank too much");
  }

  void read_metadata() {
    auto rest = line_.substr(1);
    take_blank(rest);
    const auto word = take_name(rest, false);
    take_blank(rest);
    const auto name = take_name(rest, true);
    take_blank(rest);
    if (name != name_) {
      finish_family();
      require(!page_.contains(name), "the family came before");
      name_ = name;
      family_ = &page_[name];
    }
    require(family_->samples.empty(), "it comes after samples of its family");
    std::string& target = word == "HELP"   ? family_->help
                          : word == "TYPE" ? family_->type
                                           : family_->unit;
    require(word == "HELP" || word == "TYPE" || (is_open_ && word == "UNIT"), "unknown metadata");
    require(target.empty(), "it comes twice");
    target = word == "HELP" ? unescaped_help(rest) : std::string{rest};
    require(!target.empty(), "it says nothing");
    if (word == "TYPE") {
      static const std::set<std::string> types{"counter", "gauge", "histogram"};
      require(types.contains(target) || (is_open_ && target == "info"), "unknown type");
      require(is_open_ || target != "counter" || name.ends_with("_total"),
              "a counter's name ends in _total");
    }
    if (word == "UNIT") require(name.ends_with("_" + target), "the unit is not in the name");
  }

  std::string unescaped_help(std::string_view text) const {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      require(text[i] != '"' || !is_open_, "a quote in a help must be escaped");
      if (text[i] != '\\') {
        plain += text[i];
        continue;
      }
      ++i;
      require(i < text.size(), "an escape without an end");
      const bool is_known = text[i] == '\\' || text[i] == 'n' || (is_open_ && text[i] == '"');
      require(is_known, "an unknown escape");
      plain += text[i] == 'n' ? '\n' : text[i];
    }
    return plain;
  }

  std::string take_quoted(std::string_view& rest) const {
    require(rest.starts_with("\""), "a quote is missing");
    std::string value;
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == '"') {
        rest.remove_prefix(i + 1);
        return value;
      }
      require(static_cast<unsigned char>(rest[i]) >= 0x20, "a control character");
      if (rest[i] == '\\') {
        ++i;
        require(i < rest.size() && (rest[i] == '\\' || rest[i] == '"' || rest[i] == 'n'),
                "an unknown escape");
        value += rest[i] == 'n' ? '\n' : rest[i];
      } else {
        value += rest[i];
      }
    }
    require(false, "a value without an end");
    return value;
  }

  double number(std::string_view text) const {
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
    require(is_whole && (is_digit(text[0]) || text[0] == '-'), "it is no number");
    return value;
  }

  void read_sample() {
    auto rest = line_;
    ParsedSample sample;
    sample.name = take_name(rest, true);
    if (rest.starts_with("{")) {
      do {
        rest.remove_prefix(1);
        const auto label = take_name(rest, false);
        require(rest.starts_with("="), "a label without a value");
        rest.remove_prefix(1);
        require(sample.labels.emplace(label, take_quoted(rest)).second, "a label comes twice");
      } while (rest.starts_with(","));
      require(rest.starts_with("}"), "the labels have no end");
      rest.remove_prefix(1);
    }
    take_blank(rest);
    sample.value = number(rest);
    require(family_ != nullptr, "it belongs to no family");
    require(belongs(sample.name), "it does not belong to the family before it");
    require(seen_.insert(sample.name + "{" + labels_text(sample.labels, false)).second,
            "the series comes twice");
    const bool counts = family_->type == "counter" || family_->type == "histogram";
    require(!counts || sample.value >= 0, "a count below zero");
    family_->samples.push_back(std::move(sample));
  }

  [[nodiscard]] bool belongs(const std::string& sample) const {
    const auto& type = family_->type;
    if (type == "histogram") {
      return sample == name_ + "_bucket" || sample == name_ + "_sum" || sample == name_ + "_count";
    }
    if (is_open_ && type == "counter") return sample == name_ + "_total";
    if (is_open_ && type == "info") return sample == name_ + "_info";
    return sample == name_;
  }

  void finish_family() {
    if (family_ == nullptr) return;
    require(!family_->type.empty(), "the family " + name_ + " has no type");
    require(!family_->help.empty(), "the family " + name_ + " has no help");
    for (const auto* ending : {"", "_total", "_info", "_bucket", "_sum", "_count", "_created"}) {
      const auto full = name_ + ending;
      const bool is_claimed = ending[0] == '\0' || belongs(full);
      if (is_claimed) require(claimed_.insert(full).second, "two families have samples " + full);
    }
    if (family_->type == "histogram") check_histogram();
    family_ = nullptr;
  }

  void check_histogram() const {
    struct Series {
      double last_bound = -std::numeric_limits<double>::infinity();
      double last_count = 0;
      std::optional<double> count;
      bool has_sum = false;
    };
    std::map<std::string, Series> all;
    for (const auto& sample : family_->samples) {
      auto& one = all[labels_text(sample.labels, true)];
      if (sample.name.ends_with("_sum")) one.has_sum = true;
      if (sample.name.ends_with("_count")) one.count = sample.value;
      if (!sample.name.ends_with("_bucket")) continue;
      require(sample.labels.contains("le"), "a bucket of " + name_ + " without a bound");
      const auto bound = number(sample.labels.at("le"));
      require(bound > one.last_bound, "the bounds of " + name_ + " do not rise");
      require(sample.value >= one.last_count, "the buckets of " + name_ + " do not add up");
      one.last_bound = bound;
      one.last_count = sample.value;
    }
    for (const auto& [labels, one] : all) {
      require(std::isinf(one.last_bound), name_ + "{" + labels + "} has no last bucket");
      require(one.has_sum && one.count == one.last_count, name_ + ": the count is another");
    }
  }

  std::string_view text_;
  bool is_open_;
  int number_ = 0;
  std::string_view line_;
  ParsedPage page_;
  std::string name_;
  ParsedFamily* family_ = nullptr;
  std::set<std::string> seen_;
  std::set<std::string> claimed_;
};

}  // namespace

ParsedPage parse_exposition(std::string_view text, ExpositionFormat format) {
  return Parser{text, format}.parse();
}

double value_of(const ParsedPage& page,
                const std::string& name,
                const std::map<std::string, std::string>& labels) {
  auto value = std::numeric_limits<double>::quiet_NaN();
  int found = 0;
  for (const auto& [family, content] : page) {
    for (const auto& sample : content.samples) {
      bool is_it = sample.name == name;
      for (const auto& [label, wanted] : labels) {
        const auto has = sample.labels.find(label);
        is_it = is_it && has != sample.labels.end() && has->second == wanted;
      }
      if (!is_it) continue;
      ++found;
      value = sample.value;
    }
  }
  return found == 1 ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace portoser::test
