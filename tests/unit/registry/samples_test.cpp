#include "common/error.h"
#include "common/file.h"
#include "controller/registry/load.h"
#include "tests/unit/registry/sample.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace portoser::registry {
namespace {

void feed(const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  EXPECT_EQ(LLVMFuzzerTestOneInput(bytes, text.size()), 0);
}

TEST(RegistrySamples, EveryOddFileIsReadOrRefused) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{REGISTRY_CORPUS}) {
    SCOPED_TRACE(entry.path().string());
    feed(read_file(entry.path()));
    ++files;
  }
  EXPECT_GE(files, 20);
}

TEST(RegistrySamples, AGoodFileCutAtAnyByteIsReadOrRefused) {
  const std::string good{sample_registry};
  ASSERT_EQ(parse_registry(good, "registry.yml").services().size(), 4U);
  for (std::size_t length = 0; length < good.size(); ++length) {
    feed(good.substr(0, length));
  }
}

TEST(RegistrySamples, AGoodFileWithDamagedBytesIsReadOrRefused) {
  std::mt19937 random{20260304};
  const std::string alphabet{"\n\n  \t:-?{}[]&*!|>'\"%@`#,<~a0\\\xC3\x04"};
  for (int round = 0; round < 3000; ++round) {
    std::string text{sample_registry};
    for (int changes = 0; changes < 4; ++changes) {
      const auto at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        default:
          text.erase(at, 1 + random() % 12);
      }
    }
    SCOPED_TRACE(text);
    feed(text);
  }
}

TEST(RegistrySamples, DeepNestingIsRefusedWithoutACrash) {
  for (const auto* opener : {"[", "{a: ", "- ", "? "}) {
    std::string text = "hosts: ";
    if (opener[0] == '-' || opener[0] == '?') {
      text += "\n";
    }
    for (int depth = 0; depth < 20'000; ++depth) {
      text += opener;
    }
    EXPECT_THROW(parse_registry(text, "registry.yml"), Error) << opener;
  }
}

TEST(RegistrySamples, ALongChainOfDependenciesIsWalkedWithoutRecursion) {
  std::string text = "hosts: {}\nservices:\n";
  for (int i = 0; i < 20'000; ++i) {
    text += "  s" + std::to_string(i) + ": {docker_compose: /c.yml, depends_on: [s" +
            std::to_string((i + 1) % 20'000) + "]}\n";
  }
  const auto registry = parse_registry(text, "registry.yml");
  EXPECT_EQ(registry.services().size(), 20'000U);
  ASSERT_EQ(registry.findings.size(), 1U);
  EXPECT_TRUE(registry.findings[0].message.starts_with("dependencies in a circle: s0 -> s1 -> "));
}

TEST(RegistrySamples, AListOfVeryManyDependenciesAndPortsIsRead) {
  std::string text = "services:\n  hub:\n    docker_compose: /c.yml\n    depends_on:\n";
  for (int i = 0; i < 100'000; ++i) {
    text += "    - d" + std::to_string(i) + "\n";
  }
  text += "    ports:\n";
  for (int i = 1; i <= 65'535; ++i) {
    text += "    - " + std::to_string(i) + "\n";
  }
  const auto registry = parse_registry(text, "registry.yml");
  EXPECT_EQ(registry.services()[0].dependencies.size(), 100'000U);
  EXPECT_EQ(registry.services()[0].ports.size(), 65'535U);
}

}  // namespace
}  // namespace portoser::registry
