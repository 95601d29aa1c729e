/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An interface of a guest: its end on this host becomes a port of a bridge. Only requests to the kernel, no process. What
 * Xen's script does beyond that (rules of iptables for the guest's addresses) is left to that script, see
 * drivers/xen/hypervisor-hotplug.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "drivers/xen/hotplug.h"

enum { WAITS = 12 };    /* of 1, 2, 4 … ms: four seconds */

/* The name that the interface has or shall have: the document's own, when it gives one. False: it doesn't fit. */
static bool own_name(Hotplug *hotplug, const char *device, const char *suffix, char name[IFNAMSIZ])
{
    char *asked = hotplug_read(hotplug, "vifname");
    bool named = asked && *asked;
    int n = snprintf(name, IFNAMSIZ, "%s%s", named ? asked : device, named ? suffix : "");

    free(asked);
    return n > 0 && n < IFNAMSIZ;
}

/* The kernel makes the interface when it has seen the device, which is about now. */
static bool await_interface(const char *name)
{
    for (int i = 0; i < WAITS && if_nametoindex(name) == 0; i++)
        nanosleep(&(struct timespec){ .tv_sec = (1 << i) / 1000, .tv_nsec = (1 << i) % 1000 * 1000000L }, NULL);
    return if_nametoindex(name) != 0;
}

static int request(int fd, unsigned long what, struct ifreq *ifr, const char *name)
{
    memset(ifr->ifr_name, 0, sizeof ifr->ifr_name);
    memcpy(ifr->ifr_name, name, strlen(name));
    return ioctl(fd, what, ifr);
}

static int set_flags(int fd, const char *name, short on, short off)
{
    struct ifreq ifr = { 0 };

    if (request(fd, SIOCGIFFLAGS, &ifr, name) < 0)
        return -1;
    ifr.ifr_flags = (short)((ifr.ifr_flags | on) & ~off);
    return request(fd, SIOCSIFFLAGS, &ifr, name);
}

/* A bridge takes the lowest address of its ports for its own: a port has the highest that there is. */
static void set_address(int fd, const char *name)
{
    struct ifreq ifr = { 0 };

    ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memset(ifr.ifr_hwaddr.sa_data, 0xff, 6);
    ifr.ifr_hwaddr.sa_data[0] = (char)0xfe;
    request(fd, SIOCSIFHWADDR, &ifr, name);
}

/* The host has no address of its own at a port. */
static void forbid_ipv6(const char *name)
{
    char path[64 + IFNAMSIZ];
    int fd;

    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, "1", 1) < 0)
            perror(path);
        close(fd);
    }
}

/* The document's, or the bridge's; the guest is told of it. */
static void set_mtu(Hotplug *hotplug, int fd, const char *name, const char *bridge)
{
    char *asked = hotplug_read(hotplug, "mtu");
    struct ifreq ifr = { 0 };
    int mtu = asked ? atoi(asked) : 0;

    free(asked);
    if (mtu <= 0 && request(fd, SIOCGIFMTU, &ifr, bridge) == 0)
        mtu = ifr.ifr_mtu;
    if (mtu <= 0)
        return;
    ifr.ifr_mtu = mtu;
    if (request(fd, SIOCSIFMTU, &ifr, name) < 0)
        fprintf(stderr, "xen-hotplug: the MTU %d of %s: %m\n", mtu, name);
}

static int rename_interface(Hotplug *hotplug, int fd, const char *from, const char *to)
{
    struct ifreq ifr = { 0 };

    if (strcmp(from, to) == 0)
        return 0;
    set_flags(fd, from, 0, IFF_UP);
    memcpy(ifr.ifr_newname, to, strlen(to) + 1);
    if (request(fd, SIOCSIFNAME, &ifr, from) < 0)
        return hotplug_fail(hotplug, "%s can't be renamed to %s: %m", from, to);
    return 0;
}

static int join(Hotplug *hotplug, int fd, const char *name, const char *bridge)
{
    struct ifreq ifr = { .ifr_ifindex = (int)if_nametoindex(name) };

    set_flags(fd, name, 0, IFF_UP);
    set_address(fd, name);
    forbid_ipv6(name);
    set_mtu(hotplug, fd, name, bridge);
    if (request(fd, SIOCBRADDIF, &ifr, bridge) < 0 && errno != EBUSY)
        return hotplug_fail(hotplug, "%s can't be put on the bridge %s: %m", name, bridge);
    if (set_flags(fd, name, IFF_UP, 0) < 0)
        return hotplug_fail(hotplug, "%s can't be set up: %m", name);
    return 0;
}

static int add_to(Hotplug *hotplug, const char *device, const char *name, const char *bridge)
{
    int fd, rc;

    if (!await_interface(device) && !await_interface(name))
        return hotplug_fail(hotplug, "there is no interface %s", device);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return hotplug_fail(hotplug, "no socket: %m");
    rc = if_nametoindex(device) ? rename_interface(hotplug, fd, device, name) : 0;
    if (rc == 0)
        rc = join(hotplug, fd, name, bridge);
    close(fd);
    return rc;
}

int hotplug_interface_add(Hotplug *hotplug, const char *device, const char *suffix)
{
    char *bridge = hotplug_read(hotplug, "bridge");
    char name[IFNAMSIZ];
    int rc;

    if (!bridge || *bridge == '\0' || strlen(bridge) >= IFNAMSIZ || if_nametoindex(bridge) == 0)
        rc = hotplug_fail(hotplug, "there is no bridge %s", bridge ? bridge : "");
    else if (strlen(device) >= IFNAMSIZ || !own_name(hotplug, device, suffix, name))
        rc = hotplug_fail(hotplug, "the name of the interface is too long");
    else
        rc = add_to(hotplug, device, name, bridge);
    free(bridge);
    return rc;
}

/* libxl lets go of an interface for good before it calls us (`online` is 0): then the kernel takes the guest's end away, and that
 * leaves its bridge. To do it before would only be to wait for the kernel's other processors twice. A tap is QEMU's. */
static bool goes_by_itself(Hotplug *hotplug)
{
    char *online = hotplug_read(hotplug, "online");
    bool goes = online && strcmp(online, "0") == 0;

    free(online);
    return goes;
}

/* What fails here mostly has happened already. */
static void leave(Hotplug *hotplug, const char *name)
{
    char *bridge = hotplug_read(hotplug, "bridge");
    struct ifreq ifr = { .ifr_ifindex = (int)if_nametoindex(name) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bridge && strlen(bridge) < IFNAMSIZ) {
        set_flags(fd, name, 0, IFF_UP);
        request(fd, SIOCBRDELIF, &ifr, bridge);
    }
    if (fd >= 0)
        close(fd);
    free(bridge);
}

int hotplug_interface_remove(Hotplug *hotplug, const char *device, const char *suffix)
{
    char name[IFNAMSIZ];

    if ((*suffix || !goes_by_itself(hotplug)) && own_name(hotplug, device, suffix, name) && if_nametoindex(name))
        leave(hotplug, name);
    return 0;
}
