/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk of a guest: a block device as it is, or a file through a loop device of its own. Two guests never write to one
 * image, and none writes to what another one reads: as with Xen's script, but by asking the kernel, whose answer takes no
 * process and no request to xenstored for each guest that runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "drivers/xen/hotplug.h"

#define LOCK_FILE "/run/drover-xen-hotplug.lock"
#define BACKENDS "/sys/bus/xen-backend/devices"

enum { LOOP_TRIES = 64 };

/* What the guest's disk is on this host. */
typedef struct Image {
    char *params;             /* the path that the document gives */
    bool writes;
    struct stat stat;
    int fd;
} Image;

static void image_clear(Image *image)
{
    free(image->params);
    if (image->fd >= 0)
        close(image->fd);
}

/* --- who else has it -------------------------------------------------------------------------- */

/* Held from the question whether another guest has the image until the kernel knows that this one does. -1: there is
 * none, on a host without that folder, and two that come at once are not told apart. */
static int take_lock(void)
{
    int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

static bool same_file(int loop, const struct stat *stat, bool *writes)
{
    struct loop_info64 info;

    if (ioctl(loop, LOOP_GET_STATUS64, &info) < 0 || info.lo_device != stat->st_dev || info.lo_inode != stat->st_ino)
        return false;
    *writes = !(info.lo_flags & LO_FLAGS_READ_ONLY);
    return true;
}

/* Whether a loop device stands for the file already, and can't beside this guest. */
static bool file_is_taken(const Image *image, char *who, size_t size)
{
    DIR *dir = opendir("/sys/block");
    struct dirent *entry;
    bool taken = false;

    while (!taken && dir && (entry = readdir(dir))) {
        bool writes = false;
        int fd;

        if (strncmp(entry->d_name, "loop", 4) != 0)
            continue;
        snprintf(who, size, "/dev/%.32s", entry->d_name);
        fd = open(who, O_RDONLY | O_CLOEXEC);
        taken = fd >= 0 && same_file(fd, &image->stat, &writes) && (writes || image->writes);
        if (fd >= 0)
            close(fd);
    }
    if (dir)
        closedir(dir);
    return taken;
}

static bool read_line(const char *device, const char *name, char *text, int size)
{
    char path[300];
    FILE *file;
    bool there;

    snprintf(path, sizeof path, BACKENDS "/%.200s/%s", device, name);
    file = fopen(path, "re");
    there = file && fgets(text, size, file);
    if (file)
        fclose(file);
    return there;
}

/* Whether a backend serves the block device to another guest. */
static bool device_is_taken(const Image *image, char *who, size_t size)
{
    DIR *dir = opendir(BACKENDS);
    struct dirent *entry;
    bool taken = false;

    while (!taken && dir && (entry = readdir(dir))) {
        char number[32], mode[16];
        unsigned major, minor;

        if (strncmp(entry->d_name, "vbd-", 4) != 0 || !read_line(entry->d_name, "physical_device", number, sizeof number)
            || sscanf(number, "%x:%x", &major, &minor) != 2 || makedev(major, minor) != image->stat.st_rdev)
            continue;
        snprintf(who, size, "%.200s", entry->d_name);
        taken = image->writes || !read_line(entry->d_name, "mode", mode, sizeof mode) || mode[0] != 'r';
    }
    if (dir)
        closedir(dir);
    return taken;
}

/* Whether the host itself has mounted it, or made it a part of something. Asks by taking it for a moment. */
static bool host_has_device(const Image *image)
{
    int fd = open(image->params, (image->writes ? O_RDWR : O_RDONLY) | O_EXCL | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == EBUSY && image->writes;
}

static int check_sharing(Hotplug *hotplug, const Image *image)
{
    char who[256] = "";

    if (S_ISREG(image->stat.st_mode) && file_is_taken(image, who, sizeof who))
        return hotplug_fail(hotplug, "%s is in use through %s", image->params, who);
    if (S_ISBLK(image->stat.st_mode) && device_is_taken(image, who, sizeof who))
        return hotplug_fail(hotplug, "%s is another guest's disk (%s)", image->params, who);
    if (S_ISBLK(image->stat.st_mode) && host_has_device(image))
        return hotplug_fail(hotplug, "%s is in use on this host", image->params);
    return 0;
}

/* --- the loop device of a file ------------------------------------------------------------------ */

/* Another program may take a free loop device before us: then there is a next one. */
static int attach_loop(const Image *image, int control, char *node, size_t size)
{
    struct loop_config config = { .fd = (unsigned)image->fd };

    config.info.lo_flags = image->writes ? 0 : LO_FLAGS_READ_ONLY;
    snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", image->params);
    for (int i = 0; i < LOOP_TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE), fd;

        if (number < 0)
            return -1;
        snprintf(node, size, "/dev/loop%d", number);
        fd = open(node, (image->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (fd < 0)
            return -1;
        if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
            return fd;
        close(fd);
        if (errno != EBUSY)
            return -1;
    }
    return -1;
}

/* Whether it was set up for this image, as far as its name goes into the kernel's record. */
static bool stands_for(int loop, const char *params)
{
    struct loop_info64 info = { .lo_number = 0 };

    return params && ioctl(loop, LOOP_GET_STATUS64, &info) == 0
        && strncmp((const char *)info.lo_file_name, params, sizeof info.lo_file_name - 1) == 0;
}

/* 0 also when it has been done already: then the device may be another guest's by now. */
static int detach_loop(const char *node, const char *params)
{
    int fd = open(node, O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return -1;
    if (stands_for(fd, params))
        rc = ioctl(fd, LOOP_CLR_FD, 0);    /* when the guest's backend still has it, this happens as soon as that lets go */
    if (rc < 0 && errno == ENXIO)
        rc = 0;
    close(fd);
    return rc;
}

/* --- what the backend is told -------------------------------------------------------------------- */

/* All at once: a backend that sees the number opens the device. */
static int tell_backend(Hotplug *hotplug, const char *node, dev_t number, bool loop)
{
    char text[32];

    snprintf(text, sizeof text, "%x:%x", major(number), minor(number));
    if ((loop && hotplug_write(hotplug, "node", node) < 0)
        || hotplug_write(hotplug, "physical-device-path", node) < 0
        || hotplug_write(hotplug, "physical-device", text) < 0
        || hotplug_write(hotplug, "hotplug-status", "connected") < 0)
        return -1;
    return 0;
}

static int add_file(Hotplug *hotplug, const Image *image)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd, rc;
    struct stat stat;
    char node[32] = "";

    if (control < 0)
        return hotplug_fail(hotplug, "/dev/loop-control: %m");
    fd = attach_loop(image, control, node, sizeof node);
    close(control);
    if (fd < 0)
        return hotplug_fail(hotplug, "no loop device for %s: %m", image->params);
    rc = fstat(fd, &stat);
    if (rc == 0)
        rc = tell_backend(hotplug, node, stat.st_rdev, true);
    close(fd);
    if (rc < 0) {
        detach_loop(node, image->params);
        return hotplug_fail(hotplug, "%s of %s can't be told to the backend: %m", node, image->params);
    }
    return 0;
}

/* --- add and remove ------------------------------------------------------------------------------ */

static int image_open(Hotplug *hotplug, Image *image)
{
    char *mode = hotplug_read(hotplug, "mode");

    *image = (Image){ .params = hotplug_read(hotplug, "params"), .writes = mode && mode[0] == 'w', .fd = -1 };
    free(mode);
    if (!image->params || *image->params == '\0')
        return hotplug_fail(hotplug, "the disk has no image");
    image->fd = open(image->params, (image->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (image->fd < 0 || fstat(image->fd, &image->stat) < 0)
        return hotplug_fail(hotplug, "%s: %m", image->params);
    if (!S_ISREG(image->stat.st_mode) && !S_ISBLK(image->stat.st_mode))
        return hotplug_fail(hotplug, "%s is neither a file nor a block device", image->params);
    return 0;
}

/* libxl may have given up on the device while we waited for the lock. */
static int check_wanted(Hotplug *hotplug)
{
    char *state = hotplug_read(hotplug, "state");
    bool wanted = state && strcmp(state, "2") == 0;

    free(state);
    return wanted ? 0 : hotplug_fail(hotplug, "the device is going away already");
}

static int image_connect(Hotplug *hotplug, const Image *image)
{
    if (check_wanted(hotplug) < 0 || check_sharing(hotplug, image) < 0)
        return -1;
    if (S_ISREG(image->stat.st_mode))
        return add_file(hotplug, image);
    return tell_backend(hotplug, image->params, image->stat.st_rdev, false);
}

int hotplug_disk_add(Hotplug *hotplug)
{
    char *known = hotplug_read(hotplug, "physical-device");
    Image image;
    int rc, lock;

    if (known) {    /* somebody has done it */
        free(known);
        return 0;
    }
    rc = image_open(hotplug, &image);
    if (rc == 0) {
        lock = take_lock();
        rc = image_connect(hotplug, &image);
        if (lock >= 0)
            close(lock);
    }
    image_clear(&image);
    return rc;
}

/* Nothing to do for a block device, nor for a disk that never got as far as having a loop device. May be asked more than once, since
 * a destroy that was broken off is made again. */
int hotplug_disk_remove(Hotplug *hotplug)
{
    char *node = hotplug_read(hotplug, "node"), *params = hotplug_read(hotplug, "params");
    int rc = 0;

    if (node && strncmp(node, "/dev/loop", 9) == 0) {
        rc = detach_loop(node, params);
        if (rc < 0)
            fprintf(stderr, "xen-hotplug: %s: %m\n", node);
        else
            hotplug_remove(hotplug, "node");
    }
    free(node);
    free(params);
    return rc;
}
