#include "agent/collect/facts.h"
#include "agent/identity/enrolment.h"
#include "common/program.h"

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  return portoser::run_program("portoser-agent-join", [&] {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const auto facts = [] { return portoser::agent::collect::host_facts(); };
    return portoser::agent::identity::join_program(arguments, facts, std::cout);
  });
}
