/* Stands between a process and the kernel (LD_PRELOAD) and counts every call that changes something below one folder
 * or syncs it. At a given number it kills, or fails the call; and it can record the calls with their data.
 *
 * Whole trees of processes are armed by the environment: SYSCALLS_ROOT, SYSCALLS_AT, SYSCALLS_ACTION, SYSCALLS_ERRNO,
 * and SYSCALLS_STATE, a file of at least sizeof(struct state) zeros, in which they count together. A forked child is
 * armed by syscalls_arm. Numbers start at 1. The descriptors' names are asked of /proc, so that it does not matter by
 * which way a descriptor came. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { NONE, KILL, KILL_LEADER, ERROR, ERROR_FROM_THEN_ON, SHORT_WRITE };

struct state {
    _Atomic long count;  /* calls so far, those that failed included */
    _Atomic long met;    /* 1 once the action was taken */
    char what[496];      /* which call that was: its letter, a space, its path */
};

static struct state unshared, *state = &unshared;
static char root[PATH_MAX];
static size_t root_length;
static long at;
static enum action action;
static int injected;
static int log_descriptor = -1;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(name) *)real(#name))

static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

/* ---- Arming */

void syscalls_arm(const char *folder, long number, int what, int error, void *shared) {
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
    at = number;
    action = what;
    injected = error;
    if (shared != NULL)
        state = shared;
}

void syscalls_record(int descriptor) {
    log_descriptor = descriptor;
}

__attribute__((constructor)) static void arm_by_environment(void) {
    const char *folder = getenv("SYSCALLS_ROOT"), *path = getenv("SYSCALLS_STATE");
    if (folder == NULL || path == NULL)
        return;
    int descriptor = REAL(open)(path, O_RDWR | O_CLOEXEC);
    void *shared = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (shared == MAP_FAILED)
        abort();
    REAL(close)(descriptor);
    syscalls_arm(folder, atol(getenv("SYSCALLS_AT")), atoi(getenv("SYSCALLS_ACTION")), atoi(getenv("SYSCALLS_ERRNO")),
                 shared);
}

/* ---- Which calls count */

static int is_below_root(const char *path) {
    return root_length && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == '\0');
}

static int path_of_descriptor(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
    return is_below_root(path);
}

static int path_of_name(int folder, const char *name, char *path) {
    path[0] = '\0';
    if (!root_length || name == NULL)
        return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char parent[PATH_MAX];
        if (folder == AT_FDCWD ? getcwd(parent, sizeof parent) == NULL : !path_of_descriptor(folder, parent))
            return 0;
        size_t length = strlen(parent);
        if (length + strlen(name) + 2 > PATH_MAX)
            return 0;
        memcpy(path, parent, length);
        path[length] = '/';
        strcpy(path + length + 1, name);
    }
    return is_below_root(path);
}

/* ---- What happens at a call. `kind` is its letter in the log. */

static void end_by_kill(pid_t victim) {
    kill(victim, SIGKILL);
    for (;;)
        pause();
}

static int frees_space(char kind) {
    return kind == 'u' || kind == 'd';
}

/* Count one call; return 0 if it is to be made, 1 if only half of it, -1 (with errno) if it is to fail. */
static int enter(char kind, const char *path) {
    long number = atomic_fetch_add(&state->count, 1) + 1;
    int is_it = number == at, is_full = injected == ENOSPC || injected == EDQUOT;
    if (action == NONE || at == 0 || number < at)
        return 0;
    if (is_it) {
        snprintf(state->what, sizeof state->what, "%c %s", kind, path);
        atomic_store(&state->met, 1);
    }
    switch (action) {
    case KILL:
        if (!is_it)
            return 0;
        end_by_kill(getpid());
    case KILL_LEADER:
        end_by_kill(getsid(0));
    case ERROR:
        if (!is_it)
            return 0;
        break;
    case ERROR_FROM_THEN_ON:
        if (is_full && frees_space(kind))
            return 0;
        break;
    case SHORT_WRITE:
        if (is_it)
            return kind == 'w' ? 1 : 0;
        if (kind != 'w')
            return 0;
        break;
    case NONE:
        return 0;
    }
    errno = injected;
    return -1;
}

/* ---- The log: for each call a head, its path or paths, and the bytes that it wrote */

struct head {
    int32_t kind, error;
    int64_t offset, size;
    uint32_t first, second;
};

static void append(const void *bytes, size_t size) {
    if (REAL(write)(log_descriptor, bytes, size) != (ssize_t)size)
        abort();
}

static void record(char kind, long result, const char *path, const char *other, int64_t offset, const void *data,
                   int64_t size) {
    struct head head = {kind, result < 0 ? errno : 0, offset, size, strlen(path), other ? strlen(other) : 0};
    append(&head, sizeof head);
    append(path, head.first);
    if (head.second)
        append(other, head.second);
    if (data != NULL && size > 0)
        append(data, size);
}

/* A call and its line in the log are one, whatever other threads do. */
static int begin(void) {
    if (log_descriptor >= 0)
        pthread_mutex_lock(&log_lock);
    return log_descriptor >= 0;
}

static void end(int is_recording) {
    if (is_recording)
        pthread_mutex_unlock(&log_lock);
}

#define COUNTED(kind, path, other, call)                                                                               \
    ({                                                                                                                 \
        int is_recording = begin();                                                                                    \
        long result = enter(kind, path) < 0 ? -1 : (call);                                                             \
        int found = errno;                                                                                             \
        if (is_recording)                                                                                              \
            record(kind, result, path, other, 0, NULL, 0);                                                             \
        end(is_recording);                                                                                             \
        errno = found;                                                                                                 \
        result;                                                                                                        \
    })

/* ---- Names */

int rename(const char *from, const char *to) {
    char path[PATH_MAX], other[PATH_MAX];
    int counts = path_of_name(AT_FDCWD, from, path) | path_of_name(AT_FDCWD, to, other);
    return counts ? COUNTED('r', path, other, REAL(rename)(from, to)) : REAL(rename)(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char path[PATH_MAX], other[PATH_MAX];
    int counts = path_of_name(from_folder, from, path) | path_of_name(to_folder, to, other);
    return counts ? COUNTED('r', path, other, REAL(renameat)(from_folder, from, to_folder, to))
                  : REAL(renameat)(from_folder, from, to_folder, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags) {
    char path[PATH_MAX], other[PATH_MAX];
    int counts = path_of_name(from_folder, from, path) | path_of_name(to_folder, to, other);
    return counts ? COUNTED('r', path, other, REAL(renameat2)(from_folder, from, to_folder, to, flags))
                  : REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) {
    char path[PATH_MAX], other[PATH_MAX];
    int counts = path_of_name(AT_FDCWD, from, path) | path_of_name(AT_FDCWD, to, other);
    return counts ? COUNTED('l', path, other, REAL(link)(from, to)) : REAL(link)(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char path[PATH_MAX], other[PATH_MAX];
    int counts = path_of_name(from_folder, from, path) | path_of_name(to_folder, to, other);
    return counts ? COUNTED('l', path, other, REAL(linkat)(from_folder, from, to_folder, to, flags))
                  : REAL(linkat)(from_folder, from, to_folder, to, flags);
}

int symlink(const char *target, const char *name) {
    char path[PATH_MAX];
    int counts = path_of_name(AT_FDCWD, name, path);
    return counts ? COUNTED('y', path, target, REAL(symlink)(target, name)) : REAL(symlink)(target, name);
}

int unlink(const char *name) {
    char path[PATH_MAX];
    return path_of_name(AT_FDCWD, name, path) ? COUNTED('u', path, NULL, REAL(unlink)(name)) : REAL(unlink)(name);
}

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX], kind = flags & AT_REMOVEDIR ? 'd' : 'u';
    return path_of_name(folder, name, path) ? COUNTED(kind, path, NULL, REAL(unlinkat)(folder, name, flags))
                                            : REAL(unlinkat)(folder, name, flags);
}

int rmdir(const char *name) {
    char path[PATH_MAX];
    return path_of_name(AT_FDCWD, name, path) ? COUNTED('d', path, NULL, REAL(rmdir)(name)) : REAL(rmdir)(name);
}

int mkdir(const char *name, mode_t mode) {
    char path[PATH_MAX];
    return path_of_name(AT_FDCWD, name, path) ? COUNTED('m', path, NULL, REAL(mkdir)(name, mode))
                                              : REAL(mkdir)(name, mode);
}

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    return path_of_name(folder, name, path) ? COUNTED('m', path, NULL, REAL(mkdirat)(folder, name, mode))
                                            : REAL(mkdirat)(folder, name, mode);
}

/* ---- Opening: counts where it makes a file or empties one. The log's offset is 1 for the former, 2 for the latter. */

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!(flags & (O_CREAT | O_TRUNC)) || !path_of_name(folder, name, path))
        return REAL(openat)(folder, name, flags, mode);
    int is_there = faccessat(folder, name, F_OK, 0) == 0;
    if (is_there && !(flags & O_TRUNC))
        return REAL(openat)(folder, name, flags, mode);
    int is_recording = begin();
    int result = enter('c', path) < 0 ? -1 : REAL(openat)(folder, name, flags, mode), found = errno;
    if (is_recording)
        record('c', result, path, NULL, is_there ? 2 : 1, NULL, 0);
    end(is_recording);
    errno = found;
    return result;
}

#define WITH_MODE(call)                                                                                                \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }                                                                                                                  \
    return call;

int open(const char *name, int flags, ...) { WITH_MODE(opened(AT_FDCWD, name, flags, mode)) }
int open64(const char *name, int flags, ...) { WITH_MODE(opened(AT_FDCWD, name, flags | O_LARGEFILE, mode)) }
int openat(int folder, const char *name, int flags, ...) { WITH_MODE(opened(folder, name, flags, mode)) }
int openat64(int folder, const char *name, int flags, ...) { WITH_MODE(opened(folder, name, flags | O_LARGEFILE, mode)) }
int __open_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags | O_LARGEFILE, 0); }
int __openat_2(int folder, const char *name, int flags) { return opened(folder, name, flags, 0); }
int __openat64_2(int folder, const char *name, int flags) { return opened(folder, name, flags | O_LARGEFILE, 0); }
int creat(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }

/* ---- Content */

/* Where a call without an offset of its own began to write, now that it has written `size` bytes. */
static int64_t began_at(int descriptor, int64_t size) {
    return lseek(descriptor, 0, SEEK_CUR) - size;
}

#define WRITTEN(descriptor, bytes, size, place, call)                                                                  \
    char path[PATH_MAX];                                                                                               \
    if (!path_of_descriptor(descriptor, path)) {                                                                       \
        size_t part = size;                                                                                            \
        return call;                                                                                                   \
    }                                                                                                                  \
    int is_recording = begin(), verdict = enter('w', path);                                                            \
    size_t part = verdict > 0 ? size / 2 : size;                                                                       \
    ssize_t result = verdict < 0 ? -1 : (call);                                                                        \
    int found = errno;                                                                                                 \
    if (is_recording)                                                                                                  \
        record('w', result, path, NULL, result < 0 ? 0 : place, bytes, result < 0 ? 0 : result);                       \
    end(is_recording);                                                                                                 \
    errno = found;                                                                                                     \
    return result;

ssize_t write(int descriptor, const void *bytes, size_t size) {
    WRITTEN(descriptor, bytes, size, began_at(descriptor, result), REAL(write)(descriptor, bytes, part))
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    WRITTEN(descriptor, bytes, size, offset, REAL(pwrite)(descriptor, bytes, part, offset))
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset) {
    WRITTEN(descriptor, bytes, size, offset, REAL(pwrite64)(descriptor, bytes, part, offset))
}

/* The others are made of the simple ones, so that their data pass through our hands. */

static ssize_t written_in_parts(int descriptor, const struct iovec *parts, int count, off_t offset) {
    ssize_t total = 0;
    for (int place = 0; place < count; place++) {
        const struct iovec *part = &parts[place];
        ssize_t done = offset < 0 ? write(descriptor, part->iov_base, part->iov_len)
                                  : pwrite(descriptor, part->iov_base, part->iov_len, offset + total);
        if (done < 0)
            return total ? total : -1;
        total += done;
        if ((size_t)done < part->iov_len)
            break;
    }
    return total;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    return path_of_descriptor(descriptor, path) ? written_in_parts(descriptor, parts, count, -1)
                                                : REAL(writev)(descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    char path[PATH_MAX];
    return path_of_descriptor(descriptor, path) ? written_in_parts(descriptor, parts, count, offset)
                                                : REAL(pwritev)(descriptor, parts, count, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(descriptor, parts, count, offset);
}

static ssize_t copied(int to, off_t *to_offset, int from, off_t *from_offset, size_t size) {
    char block[1 << 16];
    size_t wanted = size < sizeof block ? size : sizeof block;
    ssize_t have = from_offset ? pread(from, block, wanted, *from_offset) : read(from, block, wanted);
    if (have <= 0)
        return have;
    ssize_t done = to_offset ? pwrite(to, block, have, *to_offset) : write(to, block, have);
    if (from_offset && done > 0)
        *from_offset += done;
    else if (!from_offset)
        lseek(from, (done > 0 ? done : 0) - have, SEEK_CUR);
    if (to_offset && done > 0)
        *to_offset += done;
    return done;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    char path[PATH_MAX];
    return path_of_descriptor(to, path) ? copied(to, NULL, from, offset, size) : REAL(sendfile)(to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    return sendfile(to, from, offset, size);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size, unsigned int flags) {
    char path[PATH_MAX];
    return path_of_descriptor(to, path) ? copied(to, to_offset, from, from_offset, size)
                                        : REAL(copy_file_range)(from, from_offset, to, to_offset, size, flags);
}

/* ---- Size, and what makes it last */

int ftruncate(int descriptor, off_t size) {
    char path[PATH_MAX];
    if (!path_of_descriptor(descriptor, path))
        return REAL(ftruncate)(descriptor, size);
    int is_recording = begin();
    int result = enter('t', path) < 0 ? -1 : REAL(ftruncate)(descriptor, size), found = errno;
    if (is_recording)
        record('t', result, path, NULL, size, NULL, 0);
    end(is_recording);
    errno = found;
    return result;
}

int ftruncate64(int descriptor, off64_t size) {
    return ftruncate(descriptor, size);
}

#define SYNCED(name, ...)                                                                                              \
    char path[PATH_MAX];                                                                                               \
    return path_of_descriptor(descriptor, path) ? COUNTED('s', path, NULL, REAL(name)(__VA_ARGS__))                    \
                                                : REAL(name)(__VA_ARGS__);

int fsync(int descriptor) { SYNCED(fsync, descriptor) }
int fdatasync(int descriptor) { SYNCED(fdatasync, descriptor) }

/* By its manual page it makes nothing durable: in the log it is no sync. */
int sync_file_range(int descriptor, off64_t offset, off64_t size, unsigned int flags) {
    char path[PATH_MAX];
    return path_of_descriptor(descriptor, path)
               ? COUNTED('x', path, NULL, REAL(sync_file_range)(descriptor, offset, size, flags))
               : REAL(sync_file_range)(descriptor, offset, size, flags);
}
