/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See xen-paths.h. */
#include "xen-paths.h"

#include <string.h>

/* A slash comes before all that can stand in a name: "a", "a/b", "a-b". */
static int rank(char c)
{
    return c == '/' ? 1 : c ? (unsigned char)c + 1 : 0;
}

static int compare(const void *a, const void *b, void *data)
{
    const char *one = a, *other = b;

    for (; *one && *one == *other; one++)
        other++;
    return rank(*one) - rank(*other);
}

GTree *xen_paths_new(void)
{
    return g_tree_new_full(compare, NULL, g_free, g_free);
}

/* The first path from `from` on that begins with `prefix`; NULL: none. */
static const char *first_below(GTree *paths, const char *from, const char *prefix)
{
    GTreeNode *node = g_tree_lower_bound(paths, from);
    const char *path = node ? g_tree_node_key(node) : NULL;

    return path && g_str_has_prefix(path, prefix) ? path : NULL;
}

char **xen_paths_names(GTree *paths, const char *path)
{
    g_autofree char *prefix = g_strconcat(path, "/", NULL), *from = g_strdup(prefix);
    GPtrArray *names = g_ptr_array_new();
    const char *found;

    while ((found = first_below(paths, from, prefix))) {
        char *name = g_strndup(found + strlen(prefix), strcspn(found + strlen(prefix), "/"));

        g_ptr_array_add(names, name);
        g_free(from);
        from = g_strconcat(prefix, name, "/\xff", NULL);    /* behind all that is below the name */
    }
    if (names->len == 0) {
        g_ptr_array_unref(names);
        return NULL;
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

void xen_paths_forget_below(GTree *paths, const char *path)
{
    g_autofree char *prefix = g_strconcat(path, "/", NULL);
    const char *found;

    while ((found = first_below(paths, prefix, prefix)))
        g_tree_remove(paths, found);
}
