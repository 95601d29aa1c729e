/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See counters.h. */
#include "drivers/xen/counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

struct XenDevices {
    GHashTable *disks, *interfaces;    /* id → GArray of numbers */
};

/* --- which there are ------------------------------------------------------------------------- */

static void add(GHashTable *of, int id, unsigned number)
{
    GArray *numbers = g_hash_table_lookup(of, GINT_TO_POINTER(id));

    if (!numbers) {
        numbers = g_array_new(FALSE, FALSE, sizeof number);
        g_hash_table_insert(of, GINT_TO_POINTER(id), numbers);
    }
    g_array_append_val(numbers, number);
}

static int compare(gconstpointer a, gconstpointer b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

    return (left > right) - (left < right);
}

static bool is_disk(const char *name, int *id, unsigned *number)
{
    int end = 0;

    return sscanf(name, "vbd-%d-%u%n", id, number, &end) == 2 && !name[end];
}

bool xen_interface_parse(const char *name, int *id, unsigned *number)
{
    int end = 0;

    return sscanf(name, "vif%d.%u%n", id, number, &end) == 2 && !name[end];
}

static void look(GHashTable *of, const char *root, const char *folder, bool (*is)(const char *, int *, unsigned *))
{
    g_autofree char *path = g_build_filename(root, folder, NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    GHashTableIter i;
    gpointer numbers;
    unsigned number;
    int id;

    while (dir && (name = g_dir_read_name(dir)))
        if (is(name, &id, &number))
            add(of, id, number);
    if (dir)
        g_dir_close(dir);
    g_hash_table_iter_init(&i, of);
    while (g_hash_table_iter_next(&i, NULL, &numbers))
        g_array_sort(numbers, compare);
}

static void free_numbers(gpointer numbers)
{
    g_array_free(numbers, TRUE);
}

XenDevices *xen_devices_look(const char *root)
{
    XenDevices *devices = g_new0(XenDevices, 1);

    devices->disks = g_hash_table_new_full(NULL, NULL, NULL, free_numbers);
    devices->interfaces = g_hash_table_new_full(NULL, NULL, NULL, free_numbers);
    look(devices->disks, root, "bus/xen-backend/devices", is_disk);
    look(devices->interfaces, root, "class/net", xen_interface_parse);
    return devices;
}

void xen_devices_free(XenDevices *devices)
{
    if (!devices)
        return;
    g_hash_table_unref(devices->disks);
    g_hash_table_unref(devices->interfaces);
    g_free(devices);
}

static const unsigned *numbers_of(GHashTable *of, int id, unsigned *n)
{
    const GArray *numbers = g_hash_table_lookup(of, GINT_TO_POINTER(id));

    *n = numbers ? numbers->len : 0;
    return numbers ? (const unsigned *)(const void *)numbers->data : NULL;
}

const unsigned *xen_devices_disks(const XenDevices *devices, int id, unsigned *n)
{
    return numbers_of(devices->disks, id, n);
}

const unsigned *xen_devices_interfaces(const XenDevices *devices, int id, unsigned *n)
{
    return numbers_of(devices->interfaces, id, n);
}

int *xen_devices_ids(const XenDevices *devices, unsigned *n)
{
    unsigned most = g_hash_table_size(devices->disks) + g_hash_table_size(devices->interfaces);
    int *ids = g_new(int, most);
    GHashTableIter i;
    void *id;

    *n = 0;
    g_hash_table_iter_init(&i, devices->disks);
    while (g_hash_table_iter_next(&i, &id, NULL))
        ids[(*n)++] = GPOINTER_TO_INT(id);
    g_hash_table_iter_init(&i, devices->interfaces);
    while (g_hash_table_iter_next(&i, &id, NULL))
        if (!g_hash_table_contains(devices->disks, id))
            ids[(*n)++] = GPOINTER_TO_INT(id);
    return ids;
}

/* --- their counters -------------------------------------------------------------------------- */

static bool read_counter(const char *folder, const char *name, uint64_t *value)
{
    char path[512], text[32];
    ssize_t n;
    int fd;

    if (g_snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    *value = strtoull(text, NULL, 10);
    return true;
}

/* The letters of a disk: a, b, …, z, aa, … */
static void put_letters(char *to, size_t size, const char *prefix, unsigned disk, unsigned partition)
{
    char letters[8];
    unsigned at = sizeof letters - 1;

    letters[at] = '\0';
    do {
        letters[--at] = (char)('a' + disk % 26);
        disk /= 26;
    } while (disk-- > 0 && at > 0);
    g_snprintf(to, size, partition ? "%s%s%u" : "%s%s", prefix, letters + at, partition);
}

void xen_disk_name(unsigned number, char *name, size_t size)
{
    unsigned major = number >> 8, minor = number & 0xff;

    if (number & 1u << 28)
        put_letters(name, size, "xvd", (number & ~(1u << 28)) >> 8, minor);
    else if (major == 202)
        put_letters(name, size, "xvd", minor >> 4, minor & 15);
    else if (major == 8)
        put_letters(name, size, "sd", minor >> 4, minor & 15);
    else if (major == 3 || major == 22)
        put_letters(name, size, "hd", (major == 22 ? 2 : 0) + (minor >> 6), minor & 63);
    else
        g_snprintf(name, size, "disk-%u", number);
}

bool xen_disk_counters(const char *root, int id, unsigned number, XenDiskCounters *counters)
{
    char folder[256];
    uint64_t read_sectors = 0, written_sectors = 0;

    *counters = (XenDiskCounters){ .reads = 0 };
    xen_disk_name(number, counters->name, sizeof counters->name);
    g_snprintf(folder, sizeof folder, "%s/bus/xen-backend/devices/vbd-%d-%u/statistics", root, id, number);
    if (!read_counter(folder, "rd_req", &counters->reads) || !read_counter(folder, "wr_req", &counters->writes)
        || !read_counter(folder, "f_req", &counters->flushes) || !read_counter(folder, "rd_sect", &read_sectors)
        || !read_counter(folder, "wr_sect", &written_sectors))
        return false;
    counters->read_bytes = read_sectors * SECTOR;
    counters->written_bytes = written_sectors * SECTOR;
    return true;
}

/* What the first domain sends on its end is what the guest receives. */
bool xen_interface_counters(const char *root, int id, unsigned number, XenInterfaceCounters *counters)
{
    char folder[256];

    *counters = (XenInterfaceCounters){ .rx_bytes = 0 };
    g_snprintf(counters->name, sizeof counters->name, "vif%d.%u", id, number);
    g_snprintf(folder, sizeof folder, "%s/class/net/%s/statistics", root, counters->name);
    return read_counter(folder, "tx_bytes", &counters->rx_bytes)
           && read_counter(folder, "tx_packets", &counters->rx_packets)
           && read_counter(folder, "tx_errors", &counters->rx_errors)
           && read_counter(folder, "tx_dropped", &counters->rx_drops)
           && read_counter(folder, "rx_bytes", &counters->tx_bytes)
           && read_counter(folder, "rx_packets", &counters->tx_packets)
           && read_counter(folder, "rx_errors", &counters->tx_errors)
           && read_counter(folder, "rx_dropped", &counters->tx_drops);
}
