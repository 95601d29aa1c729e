/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UNIX sockets that listen: made beside their place with the right permissions and then renamed into
 * it, so that nobody ever meets one with wrong permissions or one that does not listen yet.
 * Main thread only; takes no lock. */
#include "server/socket.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/i18n.h"

static int set_address(struct sockaddr_un *address, const char *path, Error *error)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, _("the socket path '%s' is longer than %zu bytes"),
                         path, sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

/* Whether somebody answers there. */
static bool is_served(const struct sockaddr_un *address)
{
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static int give_to_group(const char *path, const char *group, Error *error)
{
    struct group *entry;

    if (!group)
        return 0;
    errno = 0;
    entry = getgrnam(group);
    if (!entry)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_SYSTEM_ERROR, _("there is no group '%s' for the socket '%s'"),
                         group, path);
    if (lchown(path, (uid_t)-1, entry->gr_gid) < 0)
        return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot give the socket '%s' to the group '%s'"), path,
                               group);
    return 0;
}

static int bind_aside(int fd, const char *aside, unsigned mode, const char *group, int backlog, Error *error)
{
    struct sockaddr_un address;
    mode_t mask;
    int r;

    if (set_address(&address, aside, error) < 0)
        return -1;
    unlink(aside);
    mask = umask(0777);
    r = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (r < 0)
        return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot make the socket '%s'"), aside);
    if (listen(fd, backlog) < 0)
        return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot listen on the socket '%s'"), aside);
    if (give_to_group(aside, group, error) < 0)
        return -1;
    if (chmod(aside, mode) < 0)
        return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot set the permissions of '%s'"), aside);
    return 0;
}

struct SocketFile {
    char *path;
    dev_t device;
    ino_t inode;
};

static SocketFile *remember(const char *path, const struct stat *made)
{
    SocketFile *file = g_new0(SocketFile, 1);

    file->path = g_strdup(path);
    file->device = made->st_dev;
    file->inode = made->st_ino;
    return file;
}

void socket_unlink(void *data)
{
    SocketFile *file = data;
    struct stat there;

    if (lstat(file->path, &there) == 0 && there.st_dev == file->device && there.st_ino == file->inode)
        unlink(file->path);
    g_free(file->path);
    g_free(file);
}

int socket_listen(const char *path, unsigned mode, const char *group, int backlog, SocketFile **file, Error *error)
{
    g_autofree char *aside = g_strdup_printf("%s.new", path);
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    struct stat made;
    int result;

    if (fd < 0)
        return error_set_errno(error, VIR_FROM_RPC, errno, _("cannot make a socket"));
    if (set_address(&address, path, error) < 0)
        return -1;
    if (is_served(&address))
        return error_set(error, VIR_FROM_RPC, VIR_ERR_OPERATION_INVALID,
                         _("another server answers on the socket '%s'"), path);
    if (bind_aside(fd, aside, mode, group, backlog, error) < 0) {
        unlink(aside);
        return -1;
    }
    if (lstat(aside, &made) < 0 || rename(aside, path) < 0) {
        error_set_errno(error, VIR_FROM_RPC, errno, _("cannot put the socket '%s' into its place"), path);
        unlink(aside);
        return -1;
    }
    *file = remember(path, &made);
    result = fd;
    fd = -1;
    return result;
}
