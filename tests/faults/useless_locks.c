/* Locks that lock nothing, as on some network file systems: each call says yes, and nobody waits for anybody. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/file.h>
#include <unistd.h>

typedef int (*fcntl_function)(int, int, ...);

int flock(int descriptor, int operation) {
    (void)descriptor, (void)operation;
    return 0;
}

int lockf(int descriptor, int command, off_t length) {
    (void)descriptor, (void)command, (void)length;
    return 0;
}

int lockf64(int descriptor, int command, off64_t length) {
    (void)descriptor, (void)command, (void)length;
    return 0;
}

static int pretend(const char *name, int descriptor, int command, void *argument) {
    switch (command) {
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return 0;
    case F_GETLK:
    case F_OFD_GETLK:
        ((struct flock *)argument)->l_type = F_UNLCK;
        return 0;
    default:
        return ((fcntl_function)dlsym(RTLD_NEXT, name))(descriptor, command, argument);
    }
}

/* On 64-bit Linux both take the same `struct flock`. A missing third argument is read from a register and unused. */
int fcntl(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return pretend("fcntl", descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return pretend("fcntl64", descriptor, command, argument);
}
