// Preloaded under the node by FaultTests: writes down what it does to its files, and lets a sync fail when asked to.
//
//   OVERREAD_FAULT_ROOT     only files below this folder count
//   OVERREAD_FAULT_JOURNAL  takes a record for each call that changed a file: a line of fields with tabs between, and for
//                           a write its bytes after it. Tests/Peers/durable.py makes of it what a power cut leaves
//   OVERREAD_FAULT_TRIGGER  when this file is there, the next sync of a file whose path contains the file's text fails
//                           with EIO, once, and the trigger is removed
//
// One lock is held over each call and its record, so that the journal has them in the order in which they happened.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *trigger;
static int journal = -1;
static unsigned char tracked[MOST_FILES];

__attribute__((constructor)) static void begin(void) {
    root = getenv("OVERREAD_FAULT_ROOT");
    trigger = getenv("OVERREAD_FAULT_TRIGGER");
    const char *path = getenv("OVERREAD_FAULT_JOURNAL");
    if (root && path) journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_ours(const char *path) { return journal >= 0 && path && strncmp(path, root, strlen(root)) == 0; }
static int is_tracked(int fd) { return journal >= 0 && fd >= 0 && fd < MOST_FILES && tracked[fd]; }

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long count = syscall(SYS_write, journal, at, length);
        if (count <= 0) abort();
        at += count;
        length -= (size_t)count;
    }
}

/// op, inode, offset, length, path, other path.
static void note(char op, unsigned long inode, long offset, size_t length, const char *path, const char *other) {
    char line[8448];
    int count = snprintf(line, sizeof line, "%c\t%lu\t%ld\t%zu\t%s\t%s\n", op, inode, offset, length, path, other);
    if (count < 0 || (size_t)count >= sizeof line) abort();
    put(line, (size_t)count);
}

static void name_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, path, 4095);
    path[count < 0 ? 0 : count] = 0;
}

static unsigned long inode_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static void note_fd(char op, int fd, long offset, size_t length, const void *bytes) {
    char path[4096];
    int cause = errno;
    name_of(fd, path);
    note(op, inode_of(fd), offset, length, path, "");
    if (bytes) put(bytes, length);
    errno = cause;
}

// MARK: Opening and closing

static int opened(int fd, const char *path, int flags, int existed) {
    if (fd < 0 || fd >= MOST_FILES) return fd;
    tracked[fd] = 1;
    if (!existed) note('C', inode_of(fd), 0, 0, path, "");
    else if (flags & O_TRUNC) note_fd('T', fd, 0, 0, NULL);
    return fd;
}

#define OPENING(name, parameters, path, call) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & O_CREAT) { \
            va_list list; \
            va_start(list, flags); \
            mode = va_arg(list, mode_t); \
            va_end(list); \
        } \
        if (!is_ours(path)) return call; \
        pthread_mutex_lock(&lock); \
        int existed = access(path, F_OK) == 0; \
        int fd = opened(call, path, flags, existed); \
        pthread_mutex_unlock(&lock); \
        return fd; \
    }

OPENING(open, (const char *path, int flags, ...), path, real(path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), path, real(path, flags, mode))
OPENING(openat, (int folder, const char *path, int flags, ...), path, real(folder, path, flags, mode))
OPENING(openat64, (int folder, const char *path, int flags, ...), path, real(folder, path, flags, mode))

int close(int fd) {
    REAL(close);
    if (!is_tracked(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    tracked[fd] = 0;
    int result = real(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

// MARK: Contents

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    if (!is_tracked(fd)) return real(fd, bytes, length);
    pthread_mutex_lock(&lock);
    ssize_t count = real(fd, bytes, length);
    if (count > 0) note_fd('W', fd, lseek(fd, 0, SEEK_CUR) - count, (size_t)count, bytes);
    pthread_mutex_unlock(&lock);
    return count;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) { \
        REAL(name); \
        if (!is_tracked(fd)) return real(fd, bytes, length, offset); \
        pthread_mutex_lock(&lock); \
        ssize_t count = real(fd, bytes, length, offset); \
        if (count > 0) note_fd('W', fd, (long)offset, (size_t)count, bytes); \
        pthread_mutex_unlock(&lock); \
        return count; \
    }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(writev);
    if (!is_tracked(fd)) return real(fd, parts, number);
    ssize_t total = 0;
    for (int i = 0; i < number; ++i) {
        if (parts[i].iov_len == 0) continue;
        ssize_t count = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (count < 0) return total > 0 ? total : count;
        total += count;
        if ((size_t)count < parts[i].iov_len) break;
    }
    return total;
}

#define CHANGE(name, parameters, call, op, offset, length) \
    int name parameters { \
        REAL(name); \
        if (!is_tracked(fd)) return call; \
        pthread_mutex_lock(&lock); \
        int result = call; \
        if (result == 0) note_fd(op, fd, (long)(offset), (size_t)(length), NULL); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

CHANGE(ftruncate, (int fd, off_t size), real(fd, size), 'T', size, 0)
CHANGE(ftruncate64, (int fd, off64_t size), real(fd, size), 'T', size, 0)
CHANGE(posix_fallocate, (int fd, off_t at, off_t size), real(fd, at, size), 'A', at, size)
CHANGE(posix_fallocate64, (int fd, off64_t at, off64_t size), real(fd, at, size), 'A', at, size)

// Allocation without a change of size or contents is nothing that can be lost.
#define FALLOCATE(name, offset_type) \
    int name(int fd, int mode, offset_type at, offset_type size) { \
        REAL(name); \
        if (!is_tracked(fd)) return real(fd, mode, at, size); \
        pthread_mutex_lock(&lock); \
        int result = real(fd, mode, at, size); \
        if (result == 0 && mode == 0) note_fd('A', fd, (long)at, (size_t)size, NULL); \
        else if (result == 0 && mode != FALLOC_FL_KEEP_SIZE) abort(); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

// MARK: Syncs

/// Whether this sync is the one to fail.
static int is_triggered(int fd) {
    if (!trigger) return 0;
    int file = (int)syscall(SYS_openat, AT_FDCWD, trigger, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char wanted[256] = {0}, path[4096];
    long count = syscall(SYS_read, file, wanted, sizeof wanted - 1);
    syscall(SYS_close, file);
    name_of(fd, path);
    struct stat status;
    if (count <= 0 || !strstr(path, wanted) || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    syscall(SYS_unlinkat, AT_FDCWD, trigger, 0);
    return 1;
}

#define SYNC(name) \
    int name(int fd) { \
        REAL(name); \
        if (!is_tracked(fd)) return real(fd); \
        pthread_mutex_lock(&lock); \
        int fails = is_triggered(fd); \
        int result = fails ? -1 : real(fd); \
        note_fd(result == 0 ? 'S' : 'F', fd, 0, 0, NULL); \
        if (fails) errno = EIO; \
        pthread_mutex_unlock(&lock); \
        return result; \
    }

SYNC(fsync)
SYNC(fdatasync)

// MARK: Names

#define NAMING(name, parameters, path, other, call, op) \
    int name parameters { \
        REAL(name); \
        if (!is_ours(path)) return call; \
        pthread_mutex_lock(&lock); \
        int result = call; \
        int cause = errno; \
        if (result == 0) note(op, 0, 0, 0, path, other); \
        pthread_mutex_unlock(&lock); \
        errno = cause; \
        return result; \
    }

NAMING(rename, (const char *from, const char *to), from, to, real(from, to), 'R')
NAMING(renameat, (int a, const char *from, int b, const char *to), from, to, real(a, from, b, to), 'R')
NAMING(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), from, to, real(a, from, b, to, flags), 'R')
NAMING(link, (const char *from, const char *to), from, to, real(from, to), 'L')
NAMING(linkat, (int a, const char *from, int b, const char *to, int flags), from, to, real(a, from, b, to, flags), 'L')
NAMING(unlink, (const char *path), path, "", real(path), 'U')
NAMING(unlinkat, (int folder, const char *path, int flags), path, "", real(folder, path, flags), 'U')
NAMING(rmdir, (const char *path), path, "", real(path), 'U')
NAMING(mkdir, (const char *path, mode_t mode), path, "", real(path, mode), 'M')
NAMING(mkdirat, (int folder, const char *path, mode_t mode), path, "", real(folder, path, mode), 'M')
