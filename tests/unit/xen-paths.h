/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a xenstore holds, for the double: values by their paths, in an order in which what is below a path follows it, so that
 * ten thousand guests cost a directory nothing. One thread at a time. */
#pragma once

#include <glib.h>

/* Path → value, both owned. Single ones are looked up, put and removed with GLib's functions for trees. */
GTree *xen_paths_new(void);
/* The names right below a path, each once, in strcmp's order; the caller's. NULL: there is nothing below it. */
char **xen_paths_names(GTree *paths, const char *path);
void xen_paths_forget_below(GTree *paths, const char *path);
