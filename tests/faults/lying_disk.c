/* A disk that says that it has stored what it was given, and has stored one bit of it otherwise.

   In the environment: LYING_DISK_NAME, a part of the path of the files that are hurt, and LYING_DISK_AT, the number of
   the write to such files (the first is 1) that is hurt, counted in each process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long met;

static int is_hurt(int descriptor, size_t count) {
    const char *name = getenv("LYING_DISK_NAME"), *at = getenv("LYING_DISK_AT");
    char link[64], path[PATH_MAX];
    ssize_t length;
    if (!name || !at || count == 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, name) && __sync_add_and_fetch(&met, 1) == atol(at);
}

static void *hurt_copy(const void *bytes, size_t count) {
    unsigned char *copy = malloc(count);
    memcpy(copy, bytes, count);
    copy[count / 2] ^= 4;
    return copy;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    if (!is_hurt(descriptor, count)) return real(descriptor, bytes, count);
    void *copy = hurt_copy(bytes, count);
    ssize_t written = real(descriptor, copy, count);
    free(copy);
    return written;
}

static ssize_t pwrite_hurt(const char *name, int descriptor, const void *bytes, size_t count, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
    if (!is_hurt(descriptor, count)) return real(descriptor, bytes, count, offset);
    void *copy = hurt_copy(bytes, count);
    ssize_t written = real(descriptor, copy, count, offset);
    free(copy);
    return written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite_hurt("pwrite", descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite_hurt("pwrite64", descriptor, bytes, count, offset);
}
