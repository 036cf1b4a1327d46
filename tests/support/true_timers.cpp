// libfaketime moves the time of a timerfd by what it adds to the wall clock, also of one that
// counts by CLOCK_BOOTTIME or CLOCK_MONOTONIC: a deadline in ten minutes has passed on a host that
// is an hour ahead. The kernel's own timers do what was asked.
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <unistd.h>

extern "C" int timerfd_settime(int file,
                               int flags,
                               const itimerspec* value,
                               itimerspec* old_value) noexcept {
  return static_cast<int>(::syscall(SYS_timerfd_settime, file, flags, value, old_value));
}

extern "C" int timerfd_gettime(int file, itimerspec* value) noexcept {
  return static_cast<int>(::syscall(SYS_timerfd_gettime, file, value));
}
