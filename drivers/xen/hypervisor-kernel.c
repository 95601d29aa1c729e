/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that is built from a kernel which is unpacked already, see kernels.h. libxenguest unpacks it, so that what it takes
 * and what it refuses is what libxl would; and whoever asks about the guest afterwards is told of the kernel's own name. On the
 * thread of a job; no lock. */
#include "drivers/xen/real.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xenguest.h>

#include "base/log.h"

LOG_SOURCE("drivers.xen.kernel");

#define DESCRIPTOR "/proc/self/fd/%d"
#define LIBXL_NOTE "libxl-json"

/* --- unpacking ------------------------------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Whether a guest could be made of it is not asked here: libxenguest finds the right reader of the file before it does. */
static int write_unpacked(struct xc_dom_image *dom, int packed, int unpacked)
{
    char name[32];

    g_snprintf(name, sizeof name, DESCRIPTOR, packed);
    dom->container_type = XC_DOM_PV_CONTAINER;
    if (xc_dom_kernel_max_size(dom, KERNEL_MAX) != 0 || xc_dom_kernel_file(dom, name) != 0)
        return -1;
    xc_dom_parse_image(dom);
    if (dom->kernel_size < 4 || memcmp(dom->kernel_blob, "\177ELF", 4) != 0)
        return -1;
    return write_all(unpacked, dom->kernel_blob, dom->kernel_size);
}

/* What is wrong with a kernel libxl will say itself; that Xen can't run it is found here of any, since no Xen is asked. */
static void say_quietly(xentoollog_logger *logger, xentoollog_level level, int errnum, const char *context,
                        const char *format, va_list args)
{
    g_autofree char *text = NULL;

    if (!log_wanted(&log_source, LOG_LEVEL_DEBUG))
        return;
    text = g_strdup_vprintf(format, args);
    log_debug("%s: %s", context ? context : "xc", text);
}

int kernel_unpack(int packed, int unpacked)
{
    xentoollog_logger logger = xen_logger();
    struct xc_dom_image *dom;
    xc_interface *xc;
    int r;

    logger.vmessage = say_quietly;
    xc = xc_interface_open(&logger, &logger, XC_OPENFLAG_DUMMY);    /* asks no hypervisor */
    dom = xc ? xc_dom_allocate(xc, NULL, NULL) : NULL;
    r = dom ? write_unpacked(dom, packed, unpacked) : -1;
    if (dom)
        xc_dom_release(dom);
    if (xc)
        xc_interface_close(xc);
    return r;
}

/* --- a guest that is built from it ----------------------------------------------------------- */

/* Not one whose bootloader finds the kernel, nor one to whose device model it is given. */
static bool takes_kernel(const libxl_domain_config *made)
{
    return made->b_info.kernel && !made->b_info.bootloader && made->c_info.type != LIBXL_DOMAIN_TYPE_HVM;
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = g_strdup(by);
}

int kernel_lend(Kernels *kernels, libxl_domain_config *made, char **own_name)
{
    int fd = takes_kernel(made) ? kernels_open(kernels, made->b_info.kernel) : -1;
    char name[32];

    *own_name = NULL;
    if (fd < 0)
        return -1;
    g_snprintf(name, sizeof name, DESCRIPTOR, fd);
    *own_name = g_strdup(made->b_info.kernel);
    replace(&made->b_info.kernel, name);
    return fd;
}

/* What libxl has noted for itself of how the guest was made. It is read, changed and written by nobody else yet. */
static int correct_note(libxl_ctx *ctx, uint32_t id, const char *own_name)
{
    g_autofree char *text = NULL;
    libxl_domain_config noted;
    uint8_t *data = NULL;
    char *json = NULL;
    int size = 0, rc;

    if (libxl_userdata_retrieve(ctx, id, LIBXL_NOTE, &data, &size) != 0 || !data)
        return -1;
    text = g_strndup((const char *)data, (size_t)size);
    free(data);
    libxl_domain_config_init(&noted);
    rc = libxl_domain_config_from_json(ctx, &noted, text);
    if (rc == 0) {
        replace(&noted.b_info.kernel, own_name);
        json = libxl_domain_config_to_json(ctx, &noted);
        rc = json ? libxl_userdata_store(ctx, id, LIBXL_NOTE, (const uint8_t *)json, (int)strlen(json) + 1) : -1;
    }
    free(json);
    libxl_domain_config_dispose(&noted);
    return rc;
}

void kernel_returned(Hypervisor *hv, libxl_ctx *ctx, uint32_t id, const libxl_domain_config *made, const char *own_name)
{
    g_autofree char *path = g_strdup_printf("/vm/" LIBXL_UUID_FMT "/image/kernel", LIBXL_UUID_BYTES(made->c_info.uuid));

    if (xenstore_write(hv, path, own_name) < 0 || correct_note(ctx, id, own_name) != 0)
        log_warning("what xl tells of domain %u has a wrong name for its kernel", id);
}
