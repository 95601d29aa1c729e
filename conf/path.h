/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths in documents. Pure functions, any thread, no lock; no file is looked at. */
#pragma once

#include "base/arena.h"

/* The path without repeated and closing slashes, as libvirt keeps some of them: "/a//b/" is "/a/b". Two slashes at
 * the beginning, which may mean something, stay. `path` itself or a copy in the arena. */
const char *path_clean(const char *path, Arena *arena);
