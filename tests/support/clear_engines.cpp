// Removes what crashed test programs left behind: private engines, hosts, small disks. Silent when
// there is nothing.
#include "common/program.h"
#include "tests/support/engine.h"
#include "tests/support/host.h"
#include "tests/support/small_disk.h"

int main() {
  return portoser::run_program("clear_engines", [] {
    portoser::test::clear_abandoned_engines();
    portoser::test::clear_abandoned_hosts();
    portoser::test::clear_abandoned_disks();
    return 0;
  });
}
