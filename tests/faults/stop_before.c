/* Stops the process, as SIGSTOP from outside would, right before one of its calls: STOP_BEFORE=<call>:<nth>:<part of
 * the path>, where <call> is opendir, flock, link or rename. It goes on with SIGCONT, and the call is made then. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int seen;

static void stop_if_wanted(const char *call, const char *path) {
    const char *wanted = getenv("STOP_BEFORE");
    char name[16], part[64];
    int nth;
    if (wanted == NULL || sscanf(wanted, "%15[a-z]:%d:%63s", name, &nth, part) != 3)
        return;
    if (strcmp(name, call) == 0 && strstr(path, part) != NULL && ++seen == nth)
        raise(SIGSTOP);
}

DIR *opendir(const char *path) {
    stop_if_wanted("opendir", path);
    return ((DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir"))(path);
}

int flock(int descriptor, int operation) {
    char place[32], path[4096] = "";
    snprintf(place, sizeof place, "/proc/self/fd/%d", descriptor);
    if (readlink(place, path, sizeof path - 1) > 0)
        stop_if_wanted("flock", path);
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(descriptor, operation);
}

int link(const char *from, const char *to) {
    stop_if_wanted("link", to);
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link"))(from, to);
}

int rename(const char *from, const char *to) {
    stop_if_wanted("rename", to);
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
