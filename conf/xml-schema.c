/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents against a RelaxNG schema, by libxml2's xmllint in a process of its own: libxml2's checker tries all
 * combinations of optional attributes, so that a disk's driver with seventeen of them, which is a good one, keeps it busy for
 * hours and fills the memory. A process can be stopped.
 * Any thread that may wait and holds no lock. */
#include <signal.h>
#include <string.h>

#include "base/i18n.h"
#include "base/program.h"
#include "conf/xml.h"

static const ProgramLimits limits = {
    .cpu_seconds = 5, .wall_seconds = 60, .memory = (size_t)1 << 30, .output = 16384,
};

/* xmllint's exit status; see its manual page. */
enum { VALID = 0, INVALID = 3, INVALID_TOO = 4, NOT_FOUND = 127 };

/* "-:7: element disk: Relax-NG validity error : …" without what stands before the last part; the line in *line. The
 * text is cut where it was found. */
static const char *first_finding(char *output, int *line)
{
    static const char mark[] = "validity error : ";
    char *found = strstr(output, mark);
    char *end = found ? strchr(found, '\n') : NULL;

    *line = g_str_has_prefix(output, "-:") ? (int)g_ascii_strtoll(output + 2, NULL, 10) : 0;
    if (!found)
        return _("no details are known");
    if (end)
        *end = '\0';
    return found + strlen(mark);
}

static int judge(const ProgramResult *result, const char *path, Error *error)
{
    const char *why;
    int line;

    if (result->status == VALID)
        return 0;
    if (result->status == INVALID || result->status == INVALID_TOO) {
        why = first_finding(result->output, &line);
        return error_set(error, VIR_FROM_XML, VIR_ERR_XML_INVALID_SCHEMA,
                         _("the document breaks the schema '%s' at line %d: %s"), path, line, why);
    }
    if (result->signal)
        return error_set(error, VIR_FROM_XML, VIR_ERR_XML_INVALID_SCHEMA,
                         _("the document could not be held against the schema '%s' within %u seconds"), path,
                         limits.cpu_seconds);
    if (result->status == NOT_FOUND)
        return error_set(error, VIR_FROM_XML, VIR_ERR_INTERNAL_ERROR,
                         _("documents are held against the schema '%s' by the program 'xmllint', which is not there"), path);
    return error_set(error, VIR_FROM_XML, VIR_ERR_INTERNAL_ERROR, _("the schema '%s' can't be used: %s"), path,
                     g_strchomp(result->output));
}

/* Without its declaration: the encoding that it claims doesn't count, see xml-parse.c. Lines keep their numbers. */
static const char *behind_declaration(const char *document, size_t size)
{
    const char *end;

    if (size < 6 || memcmp(document, "<?xml", 5) != 0 || !g_ascii_isspace(document[5]))
        return document;
    end = g_strstr_len(document, (gssize)size, "?>");
    return end ? end + 2 : document;
}

int xml_validate(const char *document, size_t size, const char *path, Error *error)
{
    const char *const argv[] = { "xmllint", "--nonet", "--noout", "--relaxng", path, "-", NULL };
    const char *text = behind_declaration(document, size);
    ProgramResult result = { NULL };
    int rc;

    if (program_run(argv, text, size - (size_t)(text - document), &limits, &result, error) < 0)
        return -1;
    rc = judge(&result, path, error);
    program_result_clear(&result);
    return rc;
}
