#include "agent/deployments/names.h"

#include "common/ids.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace portoser::agent::deployments {
namespace {

/// Well below what the engine takes, with its number and the prefix.
constexpr std::size_t longest_part = 100;
constexpr std::size_t longest_name = 200;

bool is_small_or_digit(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

/// Letters and digits, with single hyphens between them.
std::string as_repository(const std::string& name) {
  std::string out;
  for (char letter : name) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
    if (is_small_or_digit(letter)) {
      out += letter;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
    if (out.size() == longest_part) break;
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "x" : out;
}

}  // namespace

std::string folder_name(const std::string& service) {
  const auto is_plain = [](char letter) {
    return is_small_or_digit(letter) || (letter >= 'A' && letter <= 'Z') || letter == '-' ||
           letter == '_';
  };
  std::string out;
  for (const char letter : service) {
    // A dot inside a name is plain; one at its beginning would hide it, or mean another folder.
    if (is_plain(letter) || (letter == '.' && !out.empty())) {
      out += letter;
    } else {
      out += '%' + to_hex({&letter, 1});
    }
  }
  if (out.empty()) return "%";
  if (out.size() <= longest_name) return out;
  // FNV-1a of the whole name: it has to be the same for ever.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : service) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }
  return out.substr(0, longest_name) + '%' + std::to_string(hash);
}

std::string kept_repository(const std::string& service,
                            const std::string& compose_service,
                            std::set<std::string>& taken) {
  const auto name =
      "portoser-kept/" + as_repository(service) + "-" + as_repository(compose_service);
  auto candidate = name;
  for (int number = 2; !taken.insert(candidate).second; ++number) {
    candidate = name + "-" + std::to_string(number);
  }
  return candidate;
}

std::string project_of(const std::string& project, const std::string& file) {
  if (!project.empty()) return project;
  std::string name;
  for (char letter : std::filesystem::path{file}.parent_path().filename().string()) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
    if (is_plain || letter == '-' || letter == '_') name += letter;
  }
  return name;
}

ImageName split_image(const std::string& reference) {
  const auto slash = reference.rfind('/');
  const auto colon = reference.rfind(':');
  if (colon == std::string::npos || (slash != std::string::npos && colon < slash)) {
    return {reference, "latest"};
  }
  return {reference.substr(0, colon), reference.substr(colon + 1)};
}

bool names_digest(const std::string& reference) {
  const auto is_hex = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
  };
  if (reference.find('@') != std::string::npos || reference.starts_with("sha256:")) return true;
  constexpr std::size_t id_length = 64;
  return reference.size() == id_length && std::all_of(reference.begin(), reference.end(), is_hex);
}

}  // namespace portoser::agent::deployments
