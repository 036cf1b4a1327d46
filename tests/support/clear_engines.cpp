// Removes what crashed test programs left behind of engines and hosts; silent when there is
// nothing.
#include "common/program.h"
#include "tests/support/engine.h"
#include "tests/support/host.h"

int main() {
  return portoser::run_program("clear_engines", [] {
    portoser::test::clear_abandoned_engines();
    portoser::test::clear_abandoned_hosts();
    return 0;
  });
}
