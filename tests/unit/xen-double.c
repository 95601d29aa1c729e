/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See xen-double.h. One thread: the test's. */
#include "xen-double-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/xen/driver.h"
#include "xen-paths.h"

/* How many domains the next host has; the seam's xen_connect has no other way to be told. */
static unsigned next_domains;
/* What the last host has left to the next one, see double_outlive. */
static XenDouble *left;

static int compare_ids(const void *a, const void *b, void *data)
{
    return (GPOINTER_TO_INT(a) > GPOINTER_TO_INT(b)) - (GPOINTER_TO_INT(a) < GPOINTER_TO_INT(b));
}

/* --- being killed ---------------------------------------------------------------------------- */

static XenDouble *double_new(void);

static int copy_domain(void *id, void *info, void *copy)
{
    g_tree_insert(((XenDouble *)copy)->domains, id, g_memdup2(info, sizeof(XenInfo)));
    return false;
}

static int copy_path(void *path, void *value, void *copy)
{
    g_tree_insert(((XenDouble *)copy)->store, g_strdup(path), g_strdup(value));
    return false;
}

static XenDouble *copy_host(const XenDouble *xen)
{
    XenDouble *copy = double_new();

    g_tree_foreach(xen->domains, copy_domain, copy);
    g_tree_foreach(xen->store, copy_path, copy);
    copy->last_id = xen->last_id;
    return copy;
}

void moment(XenDouble *xen)
{
    if (xen->moments_left == 0 || --xen->moments_left > 0)
        return;
    g_assert_null(left);
    left = copy_host(xen);
    xen->copied();
}

void double_copy_at(XenDouble *xen, unsigned moments, void (*then)(void))
{
    xen->moments_left = moments;
    xen->copied = then;
}

/* --- hypercalls ------------------------------------------------------------------------------ */

static int hypercall(Hypervisor *hv)
{
    lock_assert_none();
    moment(of(hv));
    xen_count_hypercall(hv);
    return -of(hv)->hypercalls_fail;
}

static int double_list(Hypervisor *hv, int first, XenInfo *infos, unsigned max)
{
    GTreeNode *node = g_tree_lower_bound(of(hv)->domains, GINT_TO_POINTER(first));
    unsigned n = 0;
    int r = hypercall(hv);

    g_assert_cmpuint(max, <=, XEN_LIST_MAX);
    for (; r == 0 && node && n < max; node = g_tree_node_next(node))
        infos[n++] = *(XenInfo *)g_tree_node_value(node);
    return r < 0 ? r : (int)n;
}

static int double_info(Hypervisor *hv, int id, XenInfo *info)
{
    XenDouble *xen = of(hv);
    const XenInfo *found = double_find(xen, id);
    void (*then)(XenDouble *xen) = g_steal_pointer(&xen->then);
    int r = hypercall(hv);

    if (r == 0 && !found)
        r = -ENOENT;
    if (r == 0)
        *info = *found;
    if (then)
        then(xen);
    return r;
}

static int set_paused(Hypervisor *hv, int id, bool paused)
{
    XenInfo *found = double_find(of(hv), id);
    int r = hypercall(hv);

    if (r < 0 || !found)
        return r < 0 ? r : -ENOENT;
    found->paused = paused;
    moment(of(hv));
    return 0;
}

static int double_pause(Hypervisor *hv, int id)
{
    return set_paused(hv, id, true);
}

static int double_unpause(Hypervisor *hv, int id)
{
    return set_paused(hv, id, false);
}

/* --- sizes and shares ------------------------------------------------------------------------ */

static int one_call(Hypervisor *hv, int id, XenInfo **info)
{
    int r = hypercall(hv);

    *info = double_find(of(hv), id);
    return r == 0 && !*info ? -ENOENT : r;
}

static int double_set_max_memory(Hypervisor *hv, int id, uint64_t kib)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    if (r == 0)
        info->max_memory = kib;
    return r;
}

static int double_vcpu(Hypervisor *hv, int id, unsigned vcpu, XenVcpu *out)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    if (r == 0)
        *out = (XenVcpu){ .online = vcpu < info->vcpus, .blocked = true, .cpu_time = 100 + vcpu };
    return r;
}

static int double_get_affinity(Hypervisor *hv, int id, unsigned vcpu, uint8_t *map, size_t size)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    memset(map, 0, size);
    if (r == 0)
        memcpy(map, of(hv)->pins, MIN(size, sizeof of(hv)->pins));
    return r;
}

static int double_set_affinity(Hypervisor *hv, int id, unsigned vcpu, const uint8_t *map, size_t size)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    if (r == 0)
        memcpy(of(hv)->pins, map, MIN(size, sizeof of(hv)->pins));
    return r;
}

static int scheduler_of(const XenDouble *xen, unsigned pool)
{
    return pool == XEN_POOL_FIRST ? xen->scheduler : xen->pool_scheduler;
}

static int double_scheduler(Hypervisor *hv, unsigned pool)
{
    int r = hypercall(hv);

    return r < 0 ? r : scheduler_of(of(hv), pool);
}

static int double_get_share(Hypervisor *hv, XenScheduler scheduler, int id, XenShare *share)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    if (r == 0 && (int)scheduler != scheduler_of(of(hv), info->pool))
        r = -EINVAL;
    if (r == 0)
        *share = of(hv)->share;
    return r;
}

static int double_set_share(Hypervisor *hv, XenScheduler scheduler, int id, const XenShare *share)
{
    XenInfo *info;
    int r = one_call(hv, id, &info);

    if (r == 0 && (int)scheduler != scheduler_of(of(hv), info->pool))
        r = -EINVAL;
    if (r == 0)
        of(hv)->share = *share;
    return r;
}

/* --- the host -------------------------------------------------------------------------------- */

/* The device "1-4" is the fourth of the first bus. */
static int double_usb_place(Hypervisor *hv, const char *name, unsigned *bus, unsigned *device)
{
    return sscanf(name, "%u-%u", bus, device) == 2 ? 0 : -ENODEV;
}

static int double_version(Hypervisor *hv, XenVersion *version)
{
    *version = (XenVersion){ .major = 4, .minor = 17, .micro = 7, .capabilities = "xen-3.0-x86_64 hvm-3.0-x86_64 " };
    return hypercall(hv);
}

static int double_node(Hypervisor *hv, XenNode *node)
{
    *node = (XenNode){
        .cpus = 4, .max_cpus = 4, .cells = 1, .max_cells = 8, .cores = 2, .threads = 2, .mhz = 2500,
        .memory = 4194304, .free_memory = 1048576,
    };
    return hypercall(hv);
}

static int double_cells(Hypervisor *hv, XenCell *cells, uint32_t *distances, unsigned max)
{
    memset(cells, 0, max * sizeof *cells);
    cells[0] = (XenCell){ .there = true, .memory = UINT64_C(4) << 30, .free_memory = 1 << 30 };
    return hypercall(hv) < 0 ? -of(hv)->hypercalls_fail : 1;
}

static int double_cpus(Hypervisor *hv, XenCpu *cpus, unsigned max)
{
    for (unsigned i = 0; i < max; i++)
        cpus[i] = (XenCpu){ .online = true, .core = i / 2 };
    return hypercall(hv) < 0 ? -of(hv)->hypercalls_fail : (int)max;
}

/* --- xenstore -------------------------------------------------------------------------------- */

int request(Hypervisor *hv)
{
    lock_assert_none();
    moment(of(hv));
    xen_count_request(hv);
    return of(hv)->lost ? -EPIPE : -of(hv)->requests_fail;
}

static int double_read(Hypervisor *hv, const char *path, char **value)
{
    XenDouble *xen = of(hv);
    const char *found = g_tree_lookup(xen->store, path);
    void (*reading)(void *data) = g_steal_pointer(&xen->reading);
    int r = request(hv);

    if (r < 0 || !found)
        return r < 0 ? r : -ENOENT;
    *value = g_strdup(found);
    if (reading)
        reading(xen->hook_data);
    return 0;
}

static int double_write(Hypervisor *hv, const char *path, const char *value)
{
    int r = request(hv);

    if (r == 0)
        g_tree_insert(of(hv)->store, g_strdup(path), g_strdup(value));
    moment(of(hv));
    return r;
}

static int double_remove(Hypervisor *hv, const char *path)
{
    int r = request(hv);

    if (r == 0 && !g_tree_remove(of(hv)->store, path))
        r = -ENOENT;
    moment(of(hv));
    return r;
}

static int double_directory(Hypervisor *hv, const char *path, char ***names)
{
    int r = request(hv);

    if (r < 0)
        return r;
    *names = xen_paths_names(of(hv)->store, path);
    if (*names)
        return 0;
    if (!g_tree_lookup(of(hv)->store, path))
        return -ENOENT;
    *names = g_new0(char *, 1);
    return 0;
}

/* A request on the connection of the watches. */
static int request_for_watches(Hypervisor *hv)
{
    int r = request(hv);

    return r == 0 && of(hv)->disconnected ? -EPIPE : r;
}

static int double_watch(Hypervisor *hv, const char *path, const char *token)
{
    int r = request_for_watches(hv);

    if (r < 0)
        return r;
    g_hash_table_add(of(hv)->watches, g_strdup(path));
    double_fire(of(hv), path);
    return 0;
}

static int double_unwatch(Hypervisor *hv, const char *path, const char *token)
{
    int r = request_for_watches(hv);

    if (r < 0)
        return r;
    return g_hash_table_remove(of(hv)->watches, path) ? 0 : -ENOENT;
}

static bool double_has_event(Hypervisor *hv)
{
    return of(hv)->endless || !g_queue_is_empty(&of(hv)->events);
}

static int double_sync(Hypervisor *hv)
{
    int r = request_for_watches(hv);
    char *path;

    __atomic_add_fetch(&of(hv)->hanging, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&of(hv)->hangs, __ATOMIC_ACQUIRE))
        g_usleep(1000);
    __atomic_sub_fetch(&of(hv)->hanging, 1, __ATOMIC_ACQ_REL);
    while (r == 0 && (path = g_queue_pop_head(&of(hv)->on_the_way)))
        g_queue_push_tail(&of(hv)->events, path);
    return r;
}

static int double_next_event(Hypervisor *hv, XenEvent *event)
{
    char *path = g_queue_pop_head(&of(hv)->events);

    if (!path && of(hv)->endless && (of(hv)->endless_told = !of(hv)->endless_told))
        path = g_strdup(of(hv)->endless);
    if (!path)
        return of(hv)->disconnected ? -EINVAL : 0;
    *event = (XenEvent){ .path = path, .token = g_strdup(path) };
    return 1;
}

static int double_event_fd(Hypervisor *hv)
{
    return of(hv)->endless_fd;
}

static int double_reconnect(Hypervisor *hv)
{
    if (of(hv)->lost)
        return -ECONNREFUSED;
    of(hv)->disconnected = false;
    return 0;
}

/* --- a guest's state as a whole --------------------------------------------------------------- */

/* What the double takes for a guest's state: enough bytes to be cut and altered. */
static int double_save(Hypervisor *hv, int id, int stream, char **why)
{
    XenDouble *xen = of(hv);
    void (*during)(Fixture *fixture) = g_steal_pointer(&xen->during);
    XenInfo *found = double_find(xen, id);
    g_autofree char *state = NULL;

    lock_assert_none();
    if (!found)
        return -ENOENT;
    moment(xen);
    found->shutdown = true;
    found->why = XEN_SHUTDOWN_SUSPEND;
    moment(xen);
    state = g_strnfill(DOUBLE_STATE_SIZE, 's');
    g_assert_cmpint(write(stream, state, DOUBLE_STATE_SIZE), ==, DOUBLE_STATE_SIZE);
    if (during)
        during(xen->during_fixture);
    if (!double_find(xen, id))
        return -ENOENT;
    moment(xen);
    if (xen->save_fails)
        *why = g_strdup("the double was told so");
    return -xen->save_fails;
}

/* The guest suspends itself; with ETIMEDOUT for a failure it doesn't, with another one it does and that goes unnoticed. */
static int double_sleep(Hypervisor *hv, int id, char **why)
{
    XenDouble *xen = of(hv);
    void (*during)(Fixture *fixture) = g_steal_pointer(&xen->during);
    XenInfo *found = double_find(xen, id);

    lock_assert_none();
    if (!found)
        return -ENOENT;
    moment(xen);
    if (xen->save_fails != ETIMEDOUT) {
        found->shutdown = true;
        found->why = XEN_SHUTDOWN_SUSPEND;
    }
    if (during)
        during(xen->during_fixture);
    moment(xen);
    if (!double_find(xen, id))
        return -ENOENT;
    if (xen->save_fails)
        *why = g_strdup("the double was told so");
    return -xen->save_fails;
}

static int double_go_on(Hypervisor *hv, int id, char **why)
{
    XenInfo *found = double_find(of(hv), id);

    if (!found)
        return -ENOENT;
    g_assert_true(found->shutdown && found->why == XEN_SHUTDOWN_SUSPEND);
    moment(of(hv));
    found->shutdown = false;
    moment(of(hv));
    return 0;
}

static int double_dump(Hypervisor *hv, int id, const char *path, char **why)
{
    XenDouble *xen = of(hv);
    FILE *file = fopen(path, "w");

    g_assert_true(double_find(xen, id)->paused || double_find(xen, id)->shutdown);
    if (!file)
        return -errno;
    fputs("memory", file);
    g_assert_cmpint(fclose(file), ==, 0);
    return -xen->save_fails;
}

/* What xenstore has of a device; NULL: nothing. */
static const char *of_device(XenDouble *xen, int id, const char *device, const char *what)
{
    g_autofree char *path = g_strdup_printf("/libxl/%d/device/%s/%s", id, device, what);

    return g_tree_lookup(xen->store, path);
}

static void describe_devices(XenDouble *xen, int id, GString *out)
{
    for (unsigned number = 0; number < 100; number++) {
        g_autofree char *disk = g_strdup_printf("vbd/%u", number), *interface = g_strdup_printf("vif/%u", number);
        const char *target = of_device(xen, id, disk, "dev"), *params = of_device(xen, id, disk, "params");
        const char *type = of_device(xen, id, disk, "device-type"), *mac = of_device(xen, id, interface, "mac");

        if (target)
            g_string_append_printf(out, "<disk type='file' device='%s'><source file='%s'/><target dev='%s'/></disk>",
                                   type, strchr(params, ':') + 1, target);
        if (mac)
            g_string_append_printf(out, "<interface type='bridge'><mac address='%s'/><source bridge='b'/></interface>",
                                   mac);
    }
}

static int double_describe(Hypervisor *hv, int id, DomainConfig **config, char **why)
{
    void (*describing)(void *data) = g_steal_pointer(&of(hv)->describing);
    g_autofree char *text = NULL;
    g_autofree char *devices = NULL;
    GString *list = g_string_new(NULL);

    lock_assert_none();
    describe_devices(of(hv), id, list);
    devices = g_string_free(list, false);
    if (describing)
        describing(of(hv)->hook_data);
    if (!double_find(of(hv), id) || id == 0)
        return -ENOENT;
    if (request(hv) < 0)
        return -EIO;
    text = g_strdup_printf("<domain type='xen'><name>another</name><memory unit='KiB'>131072</memory><vcpu>2</vcpu><os>"
                           "<type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>/k%d</kernel></os>"
                           "<devices>%s</devices></domain>", id, devices);
    *config = domain_config_parse(text, strlen(text), &xen_domain_rules, DOMAIN_PARSE_STORED, NULL);
    return *config ? 0 : -EINVAL;
}

/* --- both ------------------------------------------------------------------------------------ */

static int double_can_build(Hypervisor *hv, const DomainConfig *config, char **why)
{
    return 0;
}

static int keep_device(XenDouble *xen, int id, const XenDevice *device, bool there);

static int build_devices(XenDouble *xen, int id, const DomainConfig *config)
{
    const Devices *devices = &config->devices;
    int r = 0;

    for (unsigned i = 0; i < devices->n_disks; i++)
        keep_device(xen, id, &(XenDevice){ XEN_DEVICE_DISK, devices->disks[i] }, true);
    for (unsigned i = 0; i < devices->n_interfaces; i++)
        keep_device(xen, id, &(XenDevice){ XEN_DEVICE_INTERFACE, devices->interfaces[i] }, true);
    for (unsigned i = 0; i < devices->n_hostdevs && r == 0; i++)
        r = keep_device(xen, id, &(XenDevice){ XEN_DEVICE_HOSTDEV, devices->hostdevs[i] }, true);
    return r;
}

/* As libxl: the guest is there with its name and drover's word, and paused; then the rest may fail. */
static int double_build(Hypervisor *hv, const XenBuild *build, int *id, char **why)
{
    XenDouble *xen = of(hv);
    g_autofree char *state = g_malloc(DOUBLE_STATE_SIZE);
    void (*building)(void *data) = g_steal_pointer(&xen->building);
    XenInfo *info;
    int r;

    lock_assert_none();
    if (building)
        building(xen->hook_data);
    moment(xen);
    for (*id = 1; double_find(xen, *id) || *id <= xen->last_id;)
        ++*id;
    xen->last_id = *id;
    if (xen->builds_fail && !xen->leaves_guest)
        return -xen->builds_fail;
    if (build->stream >= 0)    /* one that double_save has written */
        g_assert_cmpint(read(build->stream, state, DOUBLE_STATE_SIZE), ==, DOUBLE_STATE_SIZE);
    info = double_create(xen, *id, 0, build->config->name);
    info->uuid = build->config->uuid;
    info->paused = true;
    info->cpu_time = 0;
    g_tree_insert(xen->store, g_strdup_printf("/local/domain/%d/" XEN_WORD, *id), g_strdup(XEN_WORD_BUILDING));
    r = build_devices(xen, *id, build->config);
    moment(xen);
    return xen->builds_fail ? -xen->builds_fail : r;
}

static int double_end(Hypervisor *hv, int id)
{
    if (!double_find(of(hv), id))
        return -ENOENT;
    if (of(hv)->destroys_fail)
        return -of(hv)->destroys_fail;
    moment(of(hv));
    double_forget_name(of(hv), id);
    double_say(of(hv), id, NULL);
    moment(of(hv));
    double_destroy(of(hv), id, true);
    moment(of(hv));
    return 0;
}

static int record_device(Hypervisor *hv, int id, const char *what, const XenDevice *device, char **why)
{
    XenDouble *xen = of(hv);
    const Disk *disk = device->element;
    const Interface *interface = device->element;

    lock_assert_none();
    *why = NULL;
    if (device->kind == XEN_DEVICE_DISK)
        g_string_append_printf(xen->devices, "%s %d disk %s\n", what, id, disk->target.dev);
    else if (device->kind == XEN_DEVICE_HOSTDEV)
        g_string_append_printf(xen->devices, "%s %d hostdev\n", what, id);
    else
        g_string_append_printf(xen->devices, "%s %d other %02x\n", what, id, interface->mac.address.bytes[5]);
    if (xen->devices_fail)
        *why = g_strdup("the double won't");
    return -xen->devices_fail;
}

/* As libxl: what it was asked for is in xenstore, and xenstore tells of it. */
static int keep_device(XenDouble *xen, int id, const XenDevice *device, bool there)
{
    const Disk *disk = device->element;
    const Interface *interface = device->element;
    const uint8_t *mac = interface->mac.address.bytes;
    g_autofree char *address = NULL;

    if (device->kind == XEN_DEVICE_DISK) {
        double_disk(xen, id, disk->target.dev, !there ? NULL : disk->source ? disk->source->storage.file : "");
    } else if (device->kind == XEN_DEVICE_INTERFACE) {
        address = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        double_interface(xen, id, address, there);
    } else if (device->kind == XEN_DEVICE_HOSTDEV && double_is_pci(device->element)) {
        moment(xen);
        return there ? double_pci_give(xen, id, device->element) : double_pci_take(xen, id, device->element);
    }
    return 0;
}

static int double_attach(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    int r = record_device(hv, id, "attach", device, why);

    return r < 0 ? r : keep_device(of(hv), id, device, true);
}

static int double_detach(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    int r = record_device(hv, id, "detach", device, why);

    return r < 0 ? r : keep_device(of(hv), id, device, false);
}

static int double_update(Hypervisor *hv, int id, const XenDevice *device, char **why)
{
    int r = record_device(hv, id, "update", device, why);

    return r < 0 ? r : keep_device(of(hv), id, device, true);
}

static int double_set_memory(Hypervisor *hv, int id, uint64_t kib, char **why)
{
    XenInfo *info = double_find(of(hv), id);

    lock_assert_none();
    if (!info || kib > 131072) {
        *why = g_strdup("more than it was built with");
        return info ? -EIO : -ENOENT;
    }
    info->memory = kib;
    info->max_memory = kib;
    return 0;
}

static int double_set_vcpus(Hypervisor *hv, int id, unsigned n, char **why)
{
    XenInfo *info = double_find(of(hv), id);

    lock_assert_none();
    if (!info)
        return -ENOENT;
    info->vcpus = n;
    return 0;
}

static void double_close(Hypervisor *hv)
{
    XenDouble *xen = of(hv);

    if (xen->outlives) {
        xen->outlives = false;
        g_hash_table_remove_all(xen->watches);
        g_queue_clear_full(&xen->events, g_free);
        left = xen;
        return;
    }
    g_string_free(xen->devices, true);
    g_string_free(xen->releases, true);
    if (xen->endless_fd >= 0)
        close(xen->endless_fd);
    g_tree_unref(xen->domains);
    g_tree_unref(xen->store);
    g_hash_table_unref(xen->watches);
    g_queue_clear_full(&xen->events, g_free);
    g_queue_clear_full(&xen->on_the_way, g_free);
    g_free(xen);
}

static const HypervisorOps double_ops = {
    .close = double_close,
    .list = double_list,
    .info = double_info,
    .pause = double_pause,
    .unpause = double_unpause,
    .node = double_node,
    .cells = double_cells,
    .cpus = double_cpus,
    .version = double_version,
    .set_max_memory = double_set_max_memory,
    .vcpu = double_vcpu,
    .get_affinity = double_get_affinity,
    .set_affinity = double_set_affinity,
    .scheduler = double_scheduler,
    .get_share = double_get_share,
    .set_share = double_set_share,
    .usb_place = double_usb_place,
    .set_memory = double_set_memory,
    .set_vcpus = double_set_vcpus,
    .read = double_read,
    .write = double_write,
    .remove = double_remove,
    .directory = double_directory,
    .watch = double_watch,
    .unwatch = double_unwatch,
    .has_event = double_has_event,
    .sync = double_sync,
    .next_event = double_next_event,
    .event_fd = double_event_fd,
    .reconnect = double_reconnect,
    .save = double_save,
    .sleep = double_sleep,
    .go_on = double_go_on,
    .dump = double_dump,
    .describe = double_describe,
    .can_build = double_can_build,
    .build = double_build,
    .attach = double_attach,
    .detach = double_detach,
    .update = double_update,
    .pci_state = double_pci_state,
    .pci_release = double_pci_release,
    .destroy = double_end,
    .unpause_machine = double_unpause,
};

/* With no domain. */
static XenDouble *double_new(void)
{
    XenDouble *xen = g_new0(XenDouble, 1);

    xen->hv.ops = &double_ops;
    xen->hv.unobserved = true;
    xen->endless_fd = -1;
    xen->devices = g_string_new(NULL);
    xen->releases = g_string_new(NULL);
    xen->scheduler = XEN_CREDIT2;
    xen->share = (XenShare){ .weight = 256 };
    memset(xen->pins, 0xf, 1);
    xen->domains = g_tree_new_full(compare_ids, NULL, NULL, g_free);
    xen->store = xen_paths_new();
    xen->watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&xen->events);
    g_queue_init(&xen->on_the_way);
    return xen;
}

Hypervisor *xen_connect(Error *error)
{
    XenDouble *xen = g_steal_pointer(&left);
    XenInfo *first;

    if (xen)
        return &xen->hv;
    xen = double_new();
    first = double_create_silently(xen, 0, 0, "Domain-0");
    memset(&first->uuid, 0, sizeof first->uuid);
    for (unsigned i = 1; i <= next_domains; i++) {
        g_autofree char *name = g_strdup_printf("guest-%05u", i);

        double_create_silently(xen, (int)i, i, name);
    }
    return &xen->hv;
}

/* --- what tests do --------------------------------------------------------------------------- */

Fixture *double_open(unsigned n)
{
    Fixture *fixture;

    next_domains = n;
    fixture = fixture_new(&xen_driver, "xen:///system");
    while (double_has_event(xen_host(&fixture->host)->hv))
        xen_observe(xen_host(&fixture->host), false);    /* the first events of all watches */
    double_asked(fixture);
    return fixture;
}

XenDouble *double_of(Fixture *fixture)
{
    return of(xen_host(&fixture->host)->hv);
}

XenAsked double_asked(Fixture *fixture)
{
    XenDouble *xen = double_of(fixture);
    XenAsked now = xen_asked(&xen->hv), before = xen->before;

    xen->before = now;
    return (XenAsked){ now.hypercalls - before.hypercalls, now.requests - before.requests };
}

XenInfo *double_create_silently(XenDouble *xen, int id, unsigned number, const char *name)
{
    XenInfo *info = g_new0(XenInfo, 1);
    g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-8000-%012u", number);

    *info = (XenInfo){
        .id = id, .kind = XEN_PVH, .vcpus = 1, .max_vcpus = 2, .memory = 65536, .max_memory = 131072,
        .cpu_time = 1000000 * (uint64_t)(id + 1),
    };
    g_assert_true(uuid_parse(uuid, &info->uuid));
    g_tree_replace(xen->domains, GINT_TO_POINTER(id), info);
    if (name)
        g_tree_insert(xen->store, g_strdup_printf("/local/domain/%d/name", id), g_strdup(name));
    return info;
}

XenInfo *double_create(XenDouble *xen, int id, unsigned number, const char *name)
{
    XenInfo *info = double_create_silently(xen, id, number, name);

    double_fire(xen, "@introduceDomain");
    return info;
}

XenInfo *double_find(XenDouble *xen, int id)
{
    return g_tree_lookup(xen->domains, GINT_TO_POINTER(id));
}

void double_destroy(XenDouble *xen, int id, bool tell)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%d/name", id);
    g_autofree char *sleep = g_strdup_printf("/local/domain/%d/drover-sleep", id);
    g_autofree char *devices = g_strdup_printf("/libxl/%d", id);
    g_autofree char *backend = g_strdup_printf("/local/domain/0/backend/pci/%d", id);

    g_tree_remove(xen->domains, GINT_TO_POINTER(id));
    g_tree_remove(xen->store, path);
    g_tree_remove(xen->store, sleep);
    xen_paths_forget_below(xen->store, backend);
    double_pci_free(xen, id);
    xen_paths_forget_below(xen->store, devices);
    if (tell)
        double_fire(xen, "@releaseDomain");
}

void double_rename(XenDouble *xen, int id, const char *name)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%d/name", id);

    g_tree_insert(xen->store, g_strdup(path), g_strdup(name));
    double_fire(xen, path);
}

/* Whether it or what is above it is watched. */
static bool is_watched(XenDouble *xen, const char *path)
{
    g_autofree char *above = g_strdup(path);
    char *slash;

    do {
        if (g_hash_table_contains(xen->watches, above))
            return true;
        slash = strrchr(above, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return false;
}

void double_fire(XenDouble *xen, const char *path)
{
    if (!xen->lost && is_watched(xen, path))
        g_queue_push_tail(xen->slow ? &xen->on_the_way : &xen->events, g_strdup(path));
}

void double_delay_events(XenDouble *xen)
{
    xen->slow = true;
}

void double_hang(XenDouble *xen, bool hangs)
{
    __atomic_store_n(&xen->hangs, hangs, __ATOMIC_RELEASE);
}

unsigned double_hanging(XenDouble *xen)
{
    return __atomic_load_n(&xen->hanging, __ATOMIC_ACQUIRE);
}

void double_fire_endlessly(XenDouble *xen, const char *path)
{
    xen->endless = path;
    xen->endless_fd = eventfd(1, EFD_CLOEXEC);
}

/* --- devices --------------------------------------------------------------------------------- */

static void put_below(XenDouble *xen, const char *path, const char *name, const char *value)
{
    g_autofree char *whole = g_strdup_printf("%s/%s", path, name);

    double_put(xen, whole, value);
    double_fire(xen, whole);
}

void double_disk(XenDouble *xen, int id, const char *target, const char *image)
{
    unsigned number = (unsigned)(target[strlen(target) - 1] - 'a') + (*target == 'h' ? 50 : 0);
    g_autofree char *path = g_strdup_printf("/libxl/%d/device/vbd/%u", id, number);
    g_autofree char *params = g_strdup_printf("aio:%s", image);

    if (image) {
        put_below(xen, path, "dev", target);
        put_below(xen, path, "params", params);
        put_below(xen, path, "device-type", *target == 'h' ? "cdrom" : "disk");
    } else {
        xen_paths_forget_below(xen->store, path);
    }
    double_fire(xen, path);
}

void double_interface(XenDouble *xen, int id, const char *mac, bool there)
{
    unsigned number = (unsigned)strtoul(strrchr(mac, ':') + 1, NULL, 16);
    g_autofree char *path = g_strdup_printf("/libxl/%d/device/vif/%u", id, number);

    if (there)
        put_below(xen, path, "mac", mac);
    else
        xen_paths_forget_below(xen->store, path);
    double_fire(xen, path);
}

void double_fail_hypercalls(XenDouble *xen, int errnum)
{
    xen->hypercalls_fail = errnum;
}

void double_fail_requests(XenDouble *xen, int errnum)
{
    xen->requests_fail = errnum;
}

void double_lose_store(XenDouble *xen)
{
    xen->lost = xen->disconnected = true;
    g_hash_table_remove_all(xen->watches);
    g_queue_clear_full(&xen->events, g_free);
}

void double_bring_back_store(XenDouble *xen)
{
    xen->lost = false;
}

unsigned double_watches(XenDouble *xen)
{
    return g_hash_table_size(xen->watches);
}

void double_set_scheduler(XenDouble *xen, int scheduler)
{
    xen->scheduler = scheduler;
}

void double_set_pool(XenDouble *xen, int id, unsigned pool, int scheduler)
{
    double_find(xen, id)->pool = pool;
    xen->pool_scheduler = scheduler;
}

void double_set_weight(XenDouble *xen, unsigned weight)
{
    xen->share.weight = weight;
}

XenShare double_share(XenDouble *xen)
{
    return xen->share;
}

unsigned double_pins(XenDouble *xen)
{
    return xen->pins[0];
}

void double_then(XenDouble *xen, void (*then)(XenDouble *xen))
{
    xen->then = then;
}

void double_fail_saves(XenDouble *xen, int errnum)
{
    xen->save_fails = errnum;
}

void double_during_save(Fixture *fixture, void (*during)(Fixture *fixture))
{
    double_of(fixture)->during = during;
    double_of(fixture)->during_fixture = fixture;
}

void double_fail_destroys(XenDouble *xen, int errnum)
{
    xen->destroys_fail = errnum;
}

void double_fail_builds(XenDouble *xen, int errnum, bool leaves_guest)
{
    xen->builds_fail = errnum;
    xen->leaves_guest = leaves_guest;
}

void double_outlive(XenDouble *xen)
{
    xen->outlives = true;
}

void double_say(XenDouble *xen, int id, const char *word)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%d/" XEN_WORD, id);

    if (word)
        g_tree_insert(xen->store, g_steal_pointer(&path), g_strdup(word));
    else
        g_tree_remove(xen->store, path);
}

void double_forget_name(XenDouble *xen, int id)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%d/name", id);

    g_tree_remove(xen->store, path);
}

void double_new_boot(XenDouble *xen)
{
    g_tree_remove(xen->store, "/tool/drover/autostarted");
}

void double_put(XenDouble *xen, const char *path, const char *value)
{
    g_tree_insert(xen->store, g_strdup(path), g_strdup(value));
}

const char *double_devices(XenDouble *xen)
{
    const char *lines = g_intern_string(xen->devices->str);

    g_string_truncate(xen->devices, 0);
    return lines;
}

void double_fail_devices(XenDouble *xen, int errnum)
{
    xen->devices_fail = errnum;
}

void double_during_build(XenDouble *xen, void (*during)(void *data), void *data)
{
    xen->building = during;
    xen->hook_data = data;
}

void double_during_read(XenDouble *xen, void (*during)(void *data), void *data)
{
    xen->reading = during;
    xen->hook_data = data;
}

void double_during_describe(XenDouble *xen, void (*during)(void *data), void *data)
{
    xen->describing = during;
    xen->hook_data = data;
}

const char *double_at(XenDouble *xen, const char *path)
{
    return g_intern_string(g_tree_lookup(xen->store, path));
}
