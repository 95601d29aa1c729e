/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See sampler.h. The thread sleeps until it is asked, and then takes a sample each `period` until nobody has asked for a while:
 *
 *   asleep ──asked──▶ samples, publishes ──▶ waits for a period ──▶ samples … ──nobody has asked──▶ asleep
 *
 * LOCK_XEN_SAMPLER guards which sample is the present one; files are read without it. */
#include "drivers/xen/sampler.h"

#include <stddef.h>

#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "base/lock.h"
#include "drivers/xen/counters.h"

#define KEEP_ON (3 * CLOCK_S)    /* after the last question */
enum { SHARE = 20 };             /* sampling takes one part in so many of the time */

/* --- one sample ------------------------------------------------------------------------------- */

typedef struct GuestSample {
    CommonStatsExtra disks, interfaces;
} GuestSample;

struct XenSample {
    int refs;                 /* atomic */
    /* fixed once it is published */
    int64_t taken, taken_real;
    GHashTable *guests;       /* id → GuestSample, owned */
    GuestSample none;         /* of a guest without devices */
};

/* One figure of a device: its name in statistics, and where the counters have it. */
typedef struct Figure {
    const char *name;
    size_t at;
} Figure;

static const Figure disk_figures[] = {
    { "rd.reqs", offsetof(XenDiskCounters, reads) }, { "rd.bytes", offsetof(XenDiskCounters, read_bytes) },
    { "wr.reqs", offsetof(XenDiskCounters, writes) }, { "wr.bytes", offsetof(XenDiskCounters, written_bytes) },
    { "fl.reqs", offsetof(XenDiskCounters, flushes) },
};
static const Figure interface_figures[] = {
    { "rx.bytes", offsetof(XenInterfaceCounters, rx_bytes) }, { "rx.pkts", offsetof(XenInterfaceCounters, rx_packets) },
    { "rx.errs", offsetof(XenInterfaceCounters, rx_errors) }, { "rx.drop", offsetof(XenInterfaceCounters, rx_drops) },
    { "tx.bytes", offsetof(XenInterfaceCounters, tx_bytes) }, { "tx.pkts", offsetof(XenInterfaceCounters, tx_packets) },
    { "tx.errs", offsetof(XenInterfaceCounters, tx_errors) }, { "tx.drop", offsetof(XenInterfaceCounters, tx_drops) },
};

/* A kind of device: the group that it is told of in. */
typedef struct Kind {
    const char *group;
    const Figure *figures;
    unsigned n_figures;
    /* The counters, which begin with the device's name as text; false: there are none. */
    bool (*read)(const char *root, int id, unsigned number, void *counters);
    size_t extra_at;          /* in GuestSample */
    bool interfaces;
} Kind;

static bool read_disk(const char *root, int id, unsigned number, void *counters)
{
    return xen_disk_counters(root, id, number, counters);
}

static bool read_interface(const char *root, int id, unsigned number, void *counters)
{
    return xen_interface_counters(root, id, number, counters);
}

G_STATIC_ASSERT(offsetof(XenDiskCounters, name) == 0 && offsetof(XenInterfaceCounters, name) == 0);

static const Kind kinds[] = {
    { "block", disk_figures, G_N_ELEMENTS(disk_figures), read_disk, offsetof(GuestSample, disks), false },
    { "net", interface_figures, G_N_ELEMENTS(interface_figures), read_interface, offsetof(GuestSample, interfaces), true },
};

static CommonStatsExtra *extra_of(GuestSample *guest, const Kind *kind)
{
    return (CommonStatsExtra *)(void *)((char *)guest + kind->extra_at);
}

static void put_device(CommonStatsExtra *extra, const Kind *kind, unsigned i, const void *counters)
{
    char name[64];

    g_snprintf(name, sizeof name, "%s.%u.name", kind->group, i);
    common_extra_text(extra, name, counters);
    for (unsigned k = 0; k < kind->n_figures; k++) {
        g_snprintf(name, sizeof name, "%s.%u.%s", kind->group, i, kind->figures[k].name);
        common_extra_long(extra, name, *(const uint64_t *)(const void *)((const char *)counters + kind->figures[k].at));
    }
}

/* The group: how many devices there are, and each. */
static void put_devices(GuestSample *guest, const Kind *kind, const char *root, int id, const unsigned *numbers, unsigned n)
{
    CommonStatsExtra devices = { .n = 0 }, *extra = extra_of(guest, kind);
    union { XenDiskCounters disk; XenInterfaceCounters interface; } counters;
    unsigned told = 0;
    char name[64];

    for (unsigned i = 0; i < n; i++)
        if (kind->read(root, id, numbers[i], &counters))
            put_device(&devices, kind, told++, &counters);
    g_snprintf(name, sizeof name, "%s.count", kind->group);
    common_extra_word(extra, name, VIR_TYPED_PARAM_UINT, told);
    common_extra_join(extra, &devices);
}

static void clear_guest(GuestSample *guest)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        CommonStatsExtra *extra = extra_of(guest, &kinds[i]);

        if (extra->bytes)
            g_byte_array_unref(extra->bytes);
    }
}

static void free_guest(void *data)
{
    clear_guest(data);
    g_free(data);
}

static void put_guest(GHashTable *guests, const char *root, const XenDevices *devices, int id)
{
    GuestSample *guest = g_new0(GuestSample, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const unsigned *numbers;
        unsigned n;

        numbers = kinds[i].interfaces ? xen_devices_interfaces(devices, id, &n) : xen_devices_disks(devices, id, &n);
        put_devices(guest, &kinds[i], root, id, numbers, n);
    }
    g_hash_table_insert(guests, GINT_TO_POINTER(id), guest);
}

static XenSample *take_sample(const char *root)
{
    XenSample *sample = g_new0(XenSample, 1);
    XenDevices *devices;
    int *ids;
    unsigned n;

    sample->refs = 1;
    sample->taken = clock_now();
    sample->taken_real = clock_real();
    sample->guests = g_hash_table_new_full(NULL, NULL, NULL, free_guest);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
        put_devices(&sample->none, &kinds[i], root, 0, NULL, 0);
    devices = xen_devices_look(root);
    ids = xen_devices_ids(devices, &n);
    for (unsigned i = 0; i < n; i++)
        put_guest(sample->guests, root, devices, ids[i]);
    g_free(ids);
    xen_devices_free(devices);
    return sample;
}

void xen_sample_unref(XenSample *sample)
{
    if (!sample || __atomic_sub_fetch(&sample->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    g_hash_table_unref(sample->guests);
    clear_guest(&sample->none);
    g_free(sample);
}

int64_t xen_sample_taken(const XenSample *sample)
{
    return sample->taken;
}

int64_t xen_sample_taken_real(const XenSample *sample)
{
    return sample->taken_real;
}

static const GuestSample *guest_of(const XenSample *sample, int id)
{
    const GuestSample *guest = g_hash_table_lookup(sample->guests, GINT_TO_POINTER(id));

    return guest ? guest : &sample->none;
}

const CommonStatsExtra *xen_sample_disks(const XenSample *sample, int id)
{
    return &guest_of(sample, id)->disks;
}

const CommonStatsExtra *xen_sample_interfaces(const XenSample *sample, int id)
{
    return &guest_of(sample, id)->interfaces;
}

/* --- the sampler ------------------------------------------------------------------------------ */

struct XenSampler {
    /* fixed after creation */
    char *root;
    int64_t period_least;
    GThread *thread;          /* NULL: there is none */
    /* under LOCK_XEN_SAMPLER */
    Lock lock;
    Cond asked;               /* somebody waits, or it is to end */
    Cond published;
    XenSample *latest;        /* a reference; NULL: none was taken */
    uint64_t n;               /* how many were */
    int64_t last_asked;       /* clock_now() */
    int64_t period;           /* between the beginnings of two samples */
    unsigned waiting;         /* who needs a new one */
    bool stopping;
};

static void publish(XenSampler *sampler, XenSample *sample)
{
    int64_t duration = clock_now() - sample->taken;
    XenSample *former;

    lock_acquire(&sampler->lock);
    former = sampler->latest;
    sampler->latest = sample;
    sampler->n++;
    sampler->period = MAX(sampler->period_least, duration * SHARE);
    sampler->waiting = 0;
    cond_broadcast(&sampler->published);
    lock_release(&sampler->lock);
    xen_sample_unref(former);
}

/* Half a period more than one: a thread that is late is no reason to wait for it. */
static bool is_fresh_locked(const XenSampler *sampler)
{
    lock_assert_held(&sampler->lock);
    return sampler->latest && clock_now() - sampler->latest->taken <= sampler->period + sampler->period / 2;
}

/* True: a sample is to be taken now; false: it is to end. */
static bool wait_for_turn(XenSampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    while (!sampler->stopping && !sampler->waiting) {
        int64_t now = clock_now(), next = sampler->latest ? sampler->latest->taken + sampler->period : 0;

        if (!sampler->last_asked || now - sampler->last_asked > KEEP_ON)
            cond_wait(&sampler->asked, &sampler->lock);
        else if (now < next)
            cond_wait_until(&sampler->asked, &sampler->lock, next);
        else
            break;
    }
    return !sampler->stopping;
}

static void *run(void *data)
{
    XenSampler *sampler = data;

    while (wait_for_turn(sampler))
        publish(sampler, take_sample(sampler->root));
    return NULL;
}

XenSampler *xen_sampler_new(const char *root, int64_t period, bool thread)
{
    XenSampler *sampler = g_new0(XenSampler, 1);

    sampler->root = g_strdup(root);
    sampler->period = sampler->period_least = period;
    lock_init(&sampler->lock, LOCK_XEN_SAMPLER);
    cond_init(&sampler->asked);
    cond_init(&sampler->published);
    if (thread)
        sampler->thread = g_thread_try_new("xen-sampler", run, sampler, NULL);
    return sampler;
}

void xen_sampler_free(XenSampler *sampler)
{
    if (!sampler)
        return;
    lock_acquire(&sampler->lock);
    sampler->stopping = true;
    cond_broadcast(&sampler->asked);
    lock_release(&sampler->lock);
    if (sampler->thread)
        g_thread_join(sampler->thread);
    xen_sample_unref(sampler->latest);
    cond_deinit(&sampler->asked);
    cond_deinit(&sampler->published);
    lock_deinit(&sampler->lock);
    g_free(sampler->root);
    g_free(sampler);
}

static XenSample *latest_ref_locked(XenSampler *sampler)
{
    lock_assert_held(&sampler->lock);
    __atomic_add_fetch(&sampler->latest->refs, 1, __ATOMIC_RELAXED);
    return sampler->latest;
}

/* Wakes the thread when it sleeps: it goes on sampling for a while. */
static XenSample *ask_thread(XenSampler *sampler)
{
    uint64_t before;

    LOCK_SCOPE(&sampler->lock);
    sampler->last_asked = clock_now();
    cond_signal(&sampler->asked);
    if (is_fresh_locked(sampler))
        return latest_ref_locked(sampler);
    before = sampler->n;
    sampler->waiting++;
    while (sampler->n == before)
        cond_wait(&sampler->published, &sampler->lock);
    return latest_ref_locked(sampler);
}

static bool is_fresh(XenSampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    return is_fresh_locked(sampler);
}

XenSample *xen_sampler_ask(XenSampler *sampler)
{
    if (sampler->thread)
        return ask_thread(sampler);
    if (!is_fresh(sampler))
        publish(sampler, take_sample(sampler->root));
    LOCK_SCOPE(&sampler->lock);
    return latest_ref_locked(sampler);
}

void xen_sampler_figures(XenSampler *sampler, uint64_t *n, int64_t *taken)
{
    LOCK_SCOPE(&sampler->lock);
    *n = sampler->n;
    *taken = sampler->latest ? sampler->latest->taken : 0;
}
