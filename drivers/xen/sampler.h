/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this kernel counts for the disks and interfaces of all guests, as of one moment: taken by a thread of its own, and
 * published whole, so that statistics of a thousand guests read no file of /sys and make no object for each.
 * Sampling goes on while somebody asks and takes a twentieth of one CPU at most; who asks after a pause waits for a new
 * sample. An answer can say how old it is. */
#pragma once

#include "drivers/common/common.h"

/* Immutable and complete; reference counted. */
typedef struct XenSample XenSample;
typedef struct XenSampler XenSampler;

/* ns between two samples at least, but in tests. */
#define XEN_SAMPLER_PERIOD INT64_C(1000000000)
/* `root` is "/sys" but in tests; copied. Without a thread samples are taken by who asks. Never NULL. */
XenSampler *xen_sampler_new(const char *root, int64_t period, bool thread);
/* Nobody may be asking any more. NULL is fine. */
void xen_sampler_free(XenSampler *sampler);
/* The newest sample, or the next one when that is too old; a reference. May wait as long as one sampling takes; takes
 * LOCK_XEN_SAMPLER. */
XenSample *xen_sampler_ask(XenSampler *sampler);
/* How many were taken, and when the last one was begun (clock_now(); 0: none). Any thread. */
void xen_sampler_figures(XenSampler *sampler, uint64_t *n, int64_t *taken);

void xen_sample_unref(XenSample *sample);
/* When it was begun: clock_now(), and clock_real(). */
int64_t xen_sample_taken(const XenSample *sample);
int64_t xen_sample_taken_real(const XenSample *sample);
/* The groups "block" and "net" of a guest, ready to be sent; borrowed. A guest without devices has none of them. */
const CommonStatsExtra *xen_sample_disks(const XenSample *sample, int id);
const CommonStatsExtra *xen_sample_interfaces(const XenSample *sample, int id);
