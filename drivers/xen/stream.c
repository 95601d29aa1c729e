/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See stream.h. Where the file system can have files without a name (nearly all can), what is being written is one. */
#include "drivers/xen/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "base/auto.h"
#include "base/durable.h"
#include "base/i18n.h"
#include "base/lock.h"
#include "drivers/xen/follow.h"
#include "drivers/xen/xen.h"

static int fail(Error *error, const char *path)
{
    return error_set_errno(error, VIR_FROM_DOMAIN, errno, _("cannot write '%s'"), path);
}

/* --- files ----------------------------------------------------------------------------------- */

/* What would be replaced must be a file: a device or a folder of that name is somebody's mistake. */
static int check_place(const char *path, Error *error)
{
    struct stat found;

    if (!g_path_is_absolute(path))
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_INVALID_ARG, _("'%s' is no absolute path"), path);
    if (lstat(path, &found) < 0)
        return errno == ENOENT ? 0 : fail(error, path);
    if (!S_ISREG(found.st_mode))
        return error_set(error, VIR_FROM_DOMAIN, VIR_ERR_OPERATION_FAILED, _("'%s' is no regular file"), path);
    return 0;
}

/* Beside the file, under a name that nobody else has. */
static int open_named(XenFile *file)
{
    file->aside = g_strdup_printf("%s.%08x.part", file->path, g_random_int());
    return open(file->aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

int xen_file_open(XenFile *file, const char *path, Error *error)
{
    g_autofree char *folder = g_path_get_dirname(path);

    lock_assert_none();
    if (check_place(path, error) < 0)
        return -1;
    *file = (XenFile){ .path = g_strdup(path) };
    file->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
        file->fd = open_named(file);
    if (file->fd >= 0)
        return 0;
    fail(error, path);
    g_clear_pointer(&file->aside, g_free);
    xen_file_clear(file);
    return -1;
}

char *xen_file_name(const XenFile *file)
{
    return file->aside ? g_strdup(file->aside) : g_strdup_printf("/proc/%d/fd/%d", (int)getpid(), file->fd);
}

/* A name beside the one that it will have: a link can't replace what is there, a renaming can. */
static int give_name(XenFile *file, Error *error)
{
    g_autofree char *name = xen_file_name(file);
    g_autofree char *aside = NULL;

    if (file->aside)
        return 0;
    aside = g_strdup_printf("%s.%08x.part", file->path, g_random_int());
    if (linkat(AT_FDCWD, name, AT_FDCWD, aside, AT_SYMLINK_FOLLOW) < 0)
        return fail(error, file->path);
    file->aside = g_steal_pointer(&aside);
    return 0;
}

int xen_file_keep(XenFile *file, Error *error)
{
    g_autofree char *folder = g_path_get_dirname(file->path);
    AUTO_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    lock_assert_none();
    if (dir < 0 || fsync(file->fd) < 0)
        return fail(error, file->path);
    if (give_name(file, error) < 0)
        return -1;
    if (rename(file->aside, file->path) < 0)
        return fail(error, file->path);
    g_clear_pointer(&file->aside, g_free);
    return durable_flush_directory(dir, folder, error);
}

void xen_file_clear(XenFile *file)
{
    StateSum sum;

    xen_follow_end(file->follower, &sum);
    if (file->aside)
        unlink(file->aside);
    if (file->fd >= 0)
        close(file->fd);
    g_free(file->aside);
    g_free(file->path);
    *file = (XenFile)XEN_FILE_INIT;
}

/* --- images ---------------------------------------------------------------------------------- */

int xen_writer_open(XenFile *writer, const char *path, const DomainConfig *config, bool running, Error *error)
{
    if (xen_file_open(writer, path, error) < 0)
        return -1;
    if (save_image_begin(writer->fd, path, XEN_IMAGE_DRIVER, config, running, error) < 0) {
        xen_file_clear(writer);
        return -1;
    }
    writer->follower = xen_follow(writer->fd, (uint64_t)lseek(writer->fd, 0, SEEK_CUR));
    return 0;
}

int xen_writer_seal(XenFile *writer, Error *error)
{
    StateSum sum;

    xen_follow_end(g_steal_pointer(&writer->follower), &sum);
    return save_image_finish(writer->fd, writer->path, &sum, error);
}

int xen_reader_open(SaveImage *reader, const char *path, Error *error)
{
    return save_image_open(path, XEN_IMAGE_DRIVER, &xen_domain_rules, reader, error);
}
