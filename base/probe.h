/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The static probes of drover: places where perf, bpftrace and SystemTap can look at a running droverd. One macro for
 * each; docs/probes.md tells when it fires, its arguments, and how to use them. Any thread.
 *
 * A probe that nobody looks at is one instruction that does nothing. Its arguments are computed all the same, so they are
 * what stands ready: numbers and pointers to texts. Without sys/sdt.h (-Dprobes=disabled) there are none. */
#pragma once

#ifdef HAVE_PROBES
#include <sys/sdt.h>
#define PROBE_1(name, a) DTRACE_PROBE1(drover, name, a)
#define PROBE_2(name, a, b) DTRACE_PROBE2(drover, name, a, b)
#define PROBE_3(name, a, b, c) DTRACE_PROBE3(drover, name, a, b, c)
#define PROBE_4(name, a, b, c, d) DTRACE_PROBE4(drover, name, a, b, c, d)
#define PROBE_5(name, a, b, c, d, e) DTRACE_PROBE5(drover, name, a, b, c, d, e)
#else
#define PROBE_1(name, a) ((void)(a))
#define PROBE_2(name, a, b) ((void)(a), (void)(b))
#define PROBE_3(name, a, b, c) (PROBE_2(name, a, b), (void)(c))
#define PROBE_4(name, a, b, c, d) (PROBE_3(name, a, b, c), (void)(d))
#define PROBE_5(name, a, b, c, d, e) (PROBE_4(name, a, b, c, d), (void)(e))
#endif

/* The wire: a client's number, and the serial that it gave to the call. */
#define PROBE_FRAME_IN(client, program, procedure, serial, size) \
    PROBE_5(frame_in, client, program, procedure, serial, size)
#define PROBE_ADMISSION(client, name, serial, lane) PROBE_4(admission, client, name, serial, lane)
#define PROBE_LANE_QUEUED(client, name, serial, lane) PROBE_4(lane_queued, client, name, serial, lane)
#define PROBE_LANE_TAKEN(client, name, serial, lane) PROBE_4(lane_taken, client, name, serial, lane)
#define PROBE_REPLY_OUT(client, name, serial, error, size) PROBE_5(reply_out, client, name, serial, error, size)

/* A domain's job. */
#define PROBE_JOB_WAIT(domain, name, client, waiting) PROBE_4(job_wait, domain, name, client, waiting)
#define PROBE_JOB_BEGIN(domain, name, client) PROBE_3(job_begin, domain, name, client)
#define PROBE_JOB_END(domain, name, client) PROBE_3(job_end, domain, name, client)

/* An operation of a driver; begin and end on one thread. */
#define PROBE_DRIVER_BEGIN(name, client, domain) PROBE_3(driver_begin, name, client, domain)
#define PROBE_DRIVER_END(name, client, error) PROBE_3(driver_end, name, client, error)

/* The Xen driver's questions; begin and end on one thread. */
#define PROBE_HYPERCALL_BEGIN(name) PROBE_1(hypercall_begin, name)
#define PROBE_HYPERCALL_END(name, result) PROBE_2(hypercall_end, name, result)
#define PROBE_XENSTORE_BEGIN(name, path) PROBE_2(xenstore_begin, name, path)
#define PROBE_XENSTORE_END(name, result) PROBE_2(xenstore_end, name, result)
