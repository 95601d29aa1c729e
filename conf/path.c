/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths in documents: bringing them into their one form.
 * Any thread, no lock. Works on the text alone; never asks the file system. */
#include "conf/path.h"

#include <string.h>

const char *path_clean(const char *path, Arena *arena)
{
    size_t lead = strspn(path, "/");
    char *clean, *to;

    if (lead <= 2 && !strstr(path + lead, "//") && !g_str_has_suffix(path + lead, "/"))
        return path;
    to = clean = arena_strdup(arena, path);
    if (lead)
        to += lead == 2 ? 2 : 1;
    for (const char *from = path + lead; *from; from++)
        if (*from != '/' || (from[1] != '/' && from[1] != '\0'))
            *to++ = *from;
    *to = '\0';
    return clean;
}
