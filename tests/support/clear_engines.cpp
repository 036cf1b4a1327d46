// Ends the private engines that crashed test programs left behind; silent when there are none.
#include "common/program.h"
#include "tests/support/engine.h"

int main() {
  return portoser::run_program("clear_engines", [] {
    portoser::test::clear_abandoned_engines();
    return 0;
  });
}
