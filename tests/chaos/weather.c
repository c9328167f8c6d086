/*
 * The weather that a process lives in, for tests: how much room its disk has, whether a sync fails,
 * what the clock says, and when the power goes. Loaded before the C library by LD_PRELOAD, and told
 * what to do by a file of eight numbers that the test writes while the process runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct weather {
    int64_t room;        /* bytes that files may still grow by; negative: any number */
    int64_t sync_fails;  /* syncs of the store's files until one fails; negative: none does */
    int64_t power_fails; /* the same, until the power goes in the middle of one */
    int64_t ahead_ms;    /* what the wall clock is ahead of the machine's */
    int64_t seed;        /* decides what a power cut leaves of what was not synced */
    int64_t refused;     /* writes that met a full disk */
    int64_t syncs;       /* syncs that failed */
    int64_t spare;
};

static struct weather *weather;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_ftruncate)(int, off64_t);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    const char *path = getenv("WEATHER");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(struct weather), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) weather = at;
}

static int is_store(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    const char *name = strstr(path, "pixelgate.sqlite");
    return name && !strstr(name, "-shm");
}

/* What was written and not synced yet. */
#define UNSYNCED_MAX 65536
static struct { int fd; off64_t at; size_t bytes; } unsynced[UNSYNCED_MAX];
static size_t unsynced_count;

static void remember(int fd, off64_t at, size_t bytes) {
    if (!weather || !is_store(fd)) return;
    pthread_mutex_lock(&lock);
    if (unsynced_count < UNSYNCED_MAX) {
        unsynced[unsynced_count].fd = fd;
        unsynced[unsynced_count].at = at;
        unsynced[unsynced_count].bytes = bytes;
        unsynced_count++;
    }
    pthread_mutex_unlock(&lock);
}

static void forget(int fd) {
    pthread_mutex_lock(&lock);
    size_t kept = 0;
    for (size_t i = 0; i < unsynced_count; i++)
        if (unsynced[i].fd != fd) unsynced[kept++] = unsynced[i];
    unsynced_count = kept;
    pthread_mutex_unlock(&lock);
}

/* The power goes: of what was not synced some is there, some is not, and some is torn. */
static void cut_the_power(void) {
    static const char nothing[8192];
    pthread_mutex_lock(&lock);
    uint64_t chance = (uint64_t)weather->seed * 2654435761u + 88172645463325252ull;
    for (size_t i = 0; i < unsynced_count; i++) {
        chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
        size_t bytes = unsynced[i].bytes < sizeof nothing ? unsynced[i].bytes : sizeof nothing;
        size_t stays = chance % 3 == 0 ? bytes : chance % 3 == 1 ? 0 : (chance >> 8) % (bytes + 1);
        if (stays < bytes)
            real_pwrite(unsynced[i].fd, nothing, bytes - stays, unsynced[i].at + (off64_t)stays);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether there is no room for what a write adds to a file. */
static int is_full(int fd, off64_t end) {
    struct stat64 file;
    if (!weather || __atomic_load_n(&weather->room, __ATOMIC_SEQ_CST) < 0) return 0;
    if (fstat64(fd, &file) != 0 || !S_ISREG(file.st_mode) || end <= file.st_size) return 0;
    pthread_mutex_lock(&lock);
    int64_t growth = end - file.st_size;
    int full = weather->room >= 0 && growth > weather->room;
    if (full) weather->refused++;
    else if (weather->room >= 0) weather->room -= growth;
    pthread_mutex_unlock(&lock);
    if (full) errno = ENOSPC;
    return full;
}

static void give_back(int64_t bytes) {
    if (!weather || bytes <= 0) return;
    pthread_mutex_lock(&lock);
    if (weather->room >= 0) weather->room += bytes;
    pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (!weather || fd <= 2) return real_write ? real_write(fd, bytes, count) : syscall(SYS_write, fd, bytes, count);
    off64_t at = lseek64(fd, 0, SEEK_CUR);
    if (at < 0) return real_write(fd, bytes, count);
    if (is_full(fd, at + (off64_t)count)) return -1;
    ssize_t written = real_write(fd, bytes, count);
    if (written > 0) remember(fd, at, (size_t)written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    if (!weather) return real_pwrite(fd, bytes, count, at);
    if (is_full(fd, at + (off64_t)count)) return -1;
    ssize_t written = real_pwrite(fd, bytes, count, at);
    if (written > 0) remember(fd, at, (size_t)written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

static int sync_it(int fd, int (*real)(int)) {
    if (!weather || !is_store(fd)) return real(fd);
    if (weather->power_fails >= 0 && __atomic_fetch_sub(&weather->power_fails, 1, __ATOMIC_SEQ_CST) == 0)
        cut_the_power();
    if (weather->sync_fails >= 0 && __atomic_fetch_sub(&weather->sync_fails, 1, __ATOMIC_SEQ_CST) == 0) {
        __atomic_fetch_add(&weather->syncs, 1, __ATOMIC_SEQ_CST);
        /* As Linux does: it is told once, and the next sync finds nothing wrong. */
        forget(fd);
        errno = EIO;
        return -1;
    }
    int done = real(fd);
    if (done == 0) forget(fd);
    return done;
}

int fsync(int fd) { return sync_it(fd, real_fsync); }
int fdatasync(int fd) { return sync_it(fd, real_fdatasync); }

int unlink(const char *path) {
    struct stat64 file;
    int known = weather && stat64(path, &file) == 0 && S_ISREG(file.st_mode);
    int done = real_unlink(path);
    if (done == 0 && known) give_back(file.st_size);
    return done;
}

int ftruncate64(int fd, off64_t length) {
    struct stat64 file;
    int known = weather && fstat64(fd, &file) == 0 && S_ISREG(file.st_mode);
    int done = real_ftruncate(fd, length);
    if (done == 0 && known) give_back(file.st_size - length);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int clock_gettime(clockid_t which, struct timespec *now) {
    int done = (int)syscall(SYS_clock_gettime, which, now);
    if (done == 0 && weather && which == CLOCK_REALTIME) {
        int64_t nanos = now->tv_nsec + weather->ahead_ms % 1000 * 1000000;
        now->tv_sec += weather->ahead_ms / 1000;
        if (nanos < 0) now->tv_sec--, nanos += 1000000000;
        if (nanos >= 1000000000) now->tv_sec++, nanos -= 1000000000;
        now->tv_nsec = nanos;
    }
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    int done = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return done;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now) *now = precise.tv_sec;
    return precise.tv_sec;
}
