/**
 * Source of an LD_PRELOAD library that shifts the wall clock by the number of seconds in a file, which can change while
 * the program runs. Monotonic clocks are unaffected, as when a real clock is set.
 */
export const CLOCK_SHIM = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *offset;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) offset = map;
  close(fd);
}

int clock_gettime(clockid_t id, struct timespec *out) {
  int result = syscall(SYS_clock_gettime, id, out);
  if (result == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) out->tv_sec += *offset;
  return result;
}

int gettimeofday(struct timeval *out, void *zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
`
