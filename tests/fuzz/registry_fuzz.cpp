// Any bytes are a registry or an Error: nothing else leaves parse_registry. Built with libFuzzer
// (`-fsanitize=fuzzer`), or called by corpus_registry and
// tests/unit/registry/samples_test.cpp.
#include "common/error.h"
#include "controller/registry/load.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    const auto registry = portoser::registry::parse_registry(text, "registry.yml");
    for (const auto& service : registry.services()) {
      if (registry.find_service(service.name) == nullptr) {
        __builtin_trap();
      }
      (void)registry.compose_candidates(service);
    }
  } catch (const portoser::Error& error) {
    if (error.where().empty() || error.details().empty()) {
      __builtin_trap();
    }
  }
  return 0;
}
