/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam's `build` and `can_build`: a document goes through hypervisor-config.c to libxl, which makes the guest with its
 * devices, its device model and its console, and waits for all of them. On the thread of a job, which may wait for
 * minutes; a context of its own for each. */
#include "drivers/xen/real.h"

#include <errno.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "base/auto.h"
#include "base/i18n.h"

int machine_can_build(Hypervisor *hv, const DomainConfig *config, char **why)
{
    libxl_domain_config made;
    int r;

    libxl_domain_config_init(&made);
    r = config_make(config, &made, why);
    libxl_domain_config_dispose(&made);
    return r;
}

/* A name that is taken is what libxl would say last and least clearly. */
static int check_name(MachineContext *context, const char *name, char **why)
{
    uint32_t other;

    if (libxl_name_to_domid(context->ctx, name, &other) != 0)
        return 0;
    *why = g_strdup_printf(_("domain %u has the name '%s' already"), other, name);
    return -EEXIST;
}

static int create(MachineContext *context, libxl_domain_config *made, int stream, uint32_t *id)
{
    libxl_domain_restore_params params;
    int rc;

    if (stream < 0)
        return libxl_domain_create_new(context->ctx, made, id, NULL, NULL);
    libxl_domain_restore_params_init(&params);
    params.stream_version = 2;
    rc = libxl_domain_create_restore(context->ctx, made, id, stream, -1, &params, NULL, NULL);
    libxl_domain_restore_params_dispose(&params);
    return rc;
}

/* From a kernel that is unpacked already, if there is one. What is restored brings its own. */
static int create_or_restore(Hypervisor *hv, MachineContext *context, libxl_domain_config *made, int stream, uint32_t *id)
{
    g_autofree char *own_name = NULL;
    AUTO_FD kernel = stream < 0 ? kernel_lend(&real_of(hv)->kernels, made, &own_name) : -1;
    int rc = create(context, made, stream, id);

    if (rc == 0 && own_name)
        kernel_returned(hv, context->ctx, *id, made, own_name);
    return rc;
}

/* A boot loader reads the first disk. libxl gives it the image itself, unless a program connects that disk: then it would be a disk
 * of the first domain's for that time, which takes long and stays when it fails. So the disk gets its program when libxl has
 * started the boot loader (fork_child), and is not connected before that one has ended. */
static void keep_script_back(MachineContext *context, libxl_domain_config *made)
{
    if (!made->b_info.bootloader || made->num_disks == 0 || !made->disks[0].script)
        return;
    context->boot_script = &made->disks[0].script;
    context->script = g_steal_pointer(context->boot_script);
}

static int build(Hypervisor *hv, MachineContext *context, const XenBuild *build, int *id, char **why)
{
    const uint32_t none = (uint32_t)INVALID_DOMID;
    uint32_t made_id = none;
    libxl_domain_config made;
    int r, rc;

    libxl_domain_config_init(&made);
    r = config_make(build->config, &made, why);
    if (r == 0)
        r = check_name(context, build->config->name, why);
    if (r == 0) {
        if (build->stream < 0)
            keep_script_back(context, &made);
        rc = create_or_restore(hv, context, &made, build->stream, &made_id);
        r = machine_errno(rc);
        context->boot_script = NULL;
        g_clear_pointer(&context->script, g_free);
    }
    if (made_id != none)
        *id = (int)made_id;
    if (r < 0 && !*why)
        *why = machine_why(context);
    /* libxl destroys what it can't finish; when that was interrupted, it is done once more. */
    if (r < 0 && made_id != none)
        libxl_domain_destroy(context->ctx, made_id, NULL);
    libxl_domain_config_dispose(&made);
    return r;
}

int machine_build(Hypervisor *hv, const XenBuild *wanted, int *id, char **why)
{
    Places *places = &real_of(hv)->places;
    Place place = { 0 };
    MachineContext context;
    int r;

    *id = -1;
    places_take(places, &place);
    r = machine_context_open(&context);
    if (r == 0) {
        r = build(hv, &context, wanted, id, why);
        machine_context_close(&context);
    }
    places_leave(places, &place);
    return r;
}
