/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The questions that the tests of the Xen driver ask, each as one call. Names in results are interned. */
#pragma once

#include <libvirt/libvirt.h>

#include "xen-double.h"

/* The name that the lookup gives, "-" when there is no such domain; another failure fails the test. */
const char *by_id(Fixture *fixture, int id);
/* The id: -1 for one that is off, -2 when there is no such domain. */
int by_name(Fixture *fixture, const char *name);
int by_uuid(Fixture *fixture, unsigned number);
/* How many domains the list has; -1: it fails. */
int listed(Fixture *fixture);
/* How many statistics there are, and the CPU time of the last one. */
int stats(Fixture *fixture);
void expect_asked(Fixture *fixture, uint64_t hypercalls, uint64_t requests);
