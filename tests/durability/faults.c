/* Lets chosen calls of the C library fail for files whose path has a given part. Loaded into the real server by
 * LD_PRELOAD; never part of it. The file that FAULT_RULE names holds one rule:
 *
 *     SERIAL CALLS ERRNO TIMES PART
 *
 * SERIAL is a number that changes with each rule, CALLS is a comma list of `create`, `read`, `sync` and `write`, TIMES
 * is how often to fail (-1: until the next rule). The file is read at each call, so a rule holds from the moment that
 * it is there. Where the file is not there, nothing fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct rule {
    long serial;
    char calls[64];
    int error;
    int times;
    char part[256];
};

/* Reads the rule by bare system calls, so that reading it meets no rule. */
static int read_rule(struct rule *rule) {
    char text[512];
    const char *path = getenv("FAULT_RULE");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    long length = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (length <= 0) return 0;
    text[length] = 0;
    return sscanf(text, "%ld %63s %d %d %255s", &rule->serial, rule->calls, &rule->error, &rule->times,
                  rule->part) == 5;
}

/* Whether this call on this path is one that fails; then errno is set. */
static int fails(const char *call, const char *path) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static long seen = -1;
    static int left;
    int before = errno, failing = 0;
    struct rule rule;
    if (read_rule(&rule) && strstr(rule.calls, call) && strstr(path, rule.part)) {
        pthread_mutex_lock(&lock);
        if (rule.serial != seen) {
            seen = rule.serial;
            left = rule.times;
        }
        if (left != 0) {
            failing = 1;
            left -= left > 0;
        }
        pthread_mutex_unlock(&lock);
    }
    errno = failing ? rule.error : before;
    return failing;
}

static int fails_on(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return 0;
    path[length] = 0;
    return fails(call, path);
}

static void *next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

#define ON_FILE(type, name, call, parameters, ...)                                   \
    type name parameters {                                                           \
        static type(*real) parameters;                                               \
        if (!real) real = (type(*) parameters)next(#name);                           \
        return fails_on(call, fd) ? (type)-1 : real(__VA_ARGS__);                    \
    }

ON_FILE(ssize_t, read, "read", (int fd, void *to, size_t size), fd, to, size)
ON_FILE(ssize_t, pread, "read", (int fd, void *to, size_t size, off_t at), fd, to, size, at)
ON_FILE(ssize_t, pread64, "read", (int fd, void *to, size_t size, off64_t at), fd, to, size, at)
ON_FILE(ssize_t, copy_file_range, "read", (int fd, off64_t *at, int to, off64_t *there, size_t size, unsigned int flags),
        fd, at, to, there, size, flags)
ON_FILE(ssize_t, sendfile, "read", (int to, int fd, off_t *at, size_t size), to, fd, at, size)
ON_FILE(ssize_t, sendfile64, "read", (int to, int fd, off64_t *at, size_t size), to, fd, at, size)
ON_FILE(ssize_t, splice, "read", (int fd, off64_t *at, int to, off64_t *there, size_t size, unsigned int flags),
        fd, at, to, there, size, flags)
ON_FILE(ssize_t, write, "write", (int fd, const void *from, size_t size), fd, from, size)
ON_FILE(ssize_t, writev, "write", (int fd, const struct iovec *from, int count), fd, from, count)
ON_FILE(ssize_t, pwrite, "write", (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
ON_FILE(ssize_t, pwrite64, "write", (int fd, const void *from, size_t size, off64_t at), fd, from, size, at)
ON_FILE(int, ftruncate, "write", (int fd, off_t length), fd, length)
ON_FILE(int, ftruncate64, "write", (int fd, off64_t length), fd, length)
ON_FILE(int, fsync, "sync", (int fd), fd)
ON_FILE(int, fdatasync, "sync", (int fd), fd)

#define OPENING(name)                                                                \
    int name(const char *path, int flags, ...) {                                     \
        static int (*real)(const char *, int, ...);                                  \
        if (!real) real = (int (*)(const char *, int, ...))next(#name);              \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        int mode = va_arg(rest, int);                                                \
        va_end(rest);                                                                \
        int changes = (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY; \
        return changes && fails("create", path) ? -1 : real(path, flags, mode);      \
    }

OPENING(open)
OPENING(open64)

int mkdir(const char *path, mode_t mode) {
    static int (*real)(const char *, mode_t);
    if (!real) real = (int (*)(const char *, mode_t))next("mkdir");
    return fails("create", path) ? -1 : real(path, mode);
}
