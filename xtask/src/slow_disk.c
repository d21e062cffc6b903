/* A disk that takes FLUSH_MS milliseconds more for each flush: stands before the C library of every process of the benchmark. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    const char *text = getenv("FLUSH_MS");
    long millis = text ? atol(text) : 0;
    struct timespec pause = {millis / 1000, millis % 1000 * 1000000};
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    nanosleep(&pause, NULL);
    return flush(file);
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
