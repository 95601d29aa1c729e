/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope cleanups for types of libraries that don't declare their own. */
#pragma once

#include <unistd.h>

#include <glib.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlXPathObject, xmlXPathFreeObject)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

static inline void auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
/* A descriptor that is closed at the end of the block unless it was set to -1. */
#define AUTO_FD __attribute__((cleanup(auto_close))) int
