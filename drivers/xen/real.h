/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the real hypervisor share: the connections to Xen. Only these files know types of Xen's. */
#pragma once

#include <libxl.h>
#include <xenctrl.h>
#include <xenstore.h>
#include <xentoollog.h>

#include "base/lock.h"
#include "drivers/xen/hypervisor.h"
#include "drivers/xen/kernels.h"
#include "drivers/xen/places.h"

/* A connection to xenstored, shared by whoever is in the midst of a request on it. */
typedef struct StoreHandle {
    struct xs_handle *xs;
    int refs;                 /* atomic */
} StoreHandle;

typedef struct RealHypervisor {
    Hypervisor hv;
    /* fixed; libxenctrl serves several threads at once */
    xentoollog_logger logger;
    xc_interface *xc;
    /* under LOCK_XEN_STORE: which connections are the present ones. One that has failed is replaced, and closed by
     * its last user. Watches have a connection of their own, since they go with it. */
    Lock lock;
    StoreHandle *requests, *events;
    /* these have locks of their own */
    Kernels kernels;
    Places places;            /* for builds */
} RealHypervisor;

static inline RealHypervisor *real_of(Hypervisor *hv)
{
    return (RealHypervisor *)hv;
}

/* --- hypervisor-store.c ---------------------------------------------------------------------- */
int xenstore_connect(RealHypervisor *real);
void xenstore_disconnect(RealHypervisor *real);
int xenstore_read(Hypervisor *hv, const char *path, char **value);
int xenstore_write(Hypervisor *hv, const char *path, const char *value);
int xenstore_remove(Hypervisor *hv, const char *path);
int xenstore_directory(Hypervisor *hv, const char *path, char ***names);
int xenstore_watch(Hypervisor *hv, const char *path, const char *token);
int xenstore_unwatch(Hypervisor *hv, const char *path, const char *token);
bool xenstore_has_event(Hypervisor *hv);
int xenstore_sync(Hypervisor *hv);
int xenstore_next_event(Hypervisor *hv, XenEvent *event);
int xenstore_event_fd(Hypervisor *hv);
int xenstore_reconnect(Hypervisor *hv);

/* --- hypervisor-libxl.c ---------------------------------------------------------------------- */
/* A logger that has no state: what Xen's libraries say goes to our log. */
xentoollog_logger xen_logger(void);

/* libxl for one operation: no context serves two, so that no operation holds up another one. */
typedef struct MachineContext {
    libxl_ctx *ctx;           /* fixed */
    xentoollog_logger logger;
    Lock lock;                /* LOCK_XEN_CONTEXT: libxl may speak from several threads */
    char *why;                /* under the lock: the first error that libxl has told of */
    char **boot_script;       /* the operation's: where `script` belongs as soon as a boot loader is started, or NULL */
    char *script;             /* owned until then */
} MachineContext;

/* 0 or -EIO; closed by the caller when 0. The struct must not move until then. */
int machine_context_open(MachineContext *context);
void machine_context_close(MachineContext *context);
/* What libxl has told as the cause of a failure. Never NULL; the caller's. */
char *machine_why(MachineContext *context);
/* libxl's error numbers are its own: 0 or -errno. */
int machine_errno(int rc);
int machine_destroy(Hypervisor *hv, int id);
int machine_unpause(Hypervisor *hv, int id);

/* --- hypervisor-devices.c, -disks.c, -interfaces.c, -displays.c: from a document to libxl's devices ----------- */
/* Parts of config_devices. */
int config_disks(const DomainConfig *config, libxl_domain_config *out, char **why);
int config_interfaces(const DomainConfig *config, libxl_domain_config *out, char **why);
int config_displays(const DomainConfig *config, libxl_domain_config *out, char **why);
/* One device; initializes `out`, which the caller disposes of, also on failure. */
int device_disk(const Disk *disk, libxl_device_disk *out, char **why);
int device_interface(const Interface *interface, bool machine, libxl_device_nic *out, char **why);
int device_pci(const Hostdev *hostdev, libxl_device_pci *out, char **why);
int device_usb(const Hostdev *hostdev, libxl_device_usbdev *out, char **why);
int device_channel(const Channel *channel, libxl_device_channel *out, char **why);

/* --- hypervisor-hotplug.c -------------------------------------------------------------------- */
/* The program that libxl shall run when a device comes or goes; NULL: Xen's own script. The caller's. */
char *hotplug_program(void);
char *hotplug_bridge_program(void);    /* for interfaces on a bridge of the host */

/* --- hypervisor-attach.c --------------------------------------------------------------------- */
int machine_attach(Hypervisor *hv, int id, const XenDevice *device, char **why);
int machine_detach(Hypervisor *hv, int id, const XenDevice *device, char **why);
int machine_update(Hypervisor *hv, int id, const XenDevice *device, char **why);

/* --- hypervisor-hostdev.c ------------------------------------------------------------------------ */
int machine_usb_place(Hypervisor *hv, const char *name, unsigned *bus, unsigned *device);
int machine_pci_state(Hypervisor *hv, const HostPciAddress *address, int *owner);
int machine_pci_release(Hypervisor *hv, const HostPciAddress *address, bool driver, char **why);

/* --- hypervisor-save.c ----------------------------------------------------------------------- */
int machine_save(Hypervisor *hv, int id, int stream, char **why);
int machine_sleep(Hypervisor *hv, int id, char **why);
int machine_go_on(Hypervisor *hv, int id, char **why);
int machine_dump(Hypervisor *hv, int id, const char *path, char **why);

/* --- hypervisor-describe.c ------------------------------------------------------------------- */
int machine_describe(Hypervisor *hv, int id, DomainConfig **config, char **why);
/* --- hypervisor-build.c: the seam's ---------------------------------------------------------- */
int machine_build(Hypervisor *hv, const XenBuild *wanted, int *id, char **why);
int machine_can_build(Hypervisor *hv, const DomainConfig *config, char **why);

/* --- hypervisor-kernel.c --------------------------------------------------------------------- */
/* A KernelUnpack. */
int kernel_unpack(int packed, int unpacked);
/* Puts a kernel that is unpacked already into what is to be built. A descriptor that the caller closes after building, and its
 * former name in *own_name, the caller's; or -1 and nothing is changed. */
int kernel_lend(Kernels *kernels, libxl_domain_config *made, char **own_name);
/* After a guest was built from it, and before anybody else is told of that guest. */
void kernel_returned(Hypervisor *hv, libxl_ctx *ctx, uint32_t id, const libxl_domain_config *made, const char *own_name);

/* --- hypervisor-config.c, hypervisor-refuse.c, hypervisor-devices.c --------------------------- */
/* Fills `made`, which was initialized, from the document. 0; or -ENOTSUP and `*why`, the caller's: what Xen can't do. The
 * caller disposes of `made` either way. Asks nobody. */
int config_make(const DomainConfig *config, libxl_domain_config *made, char **why);
/* The part of config_make that refuses; all but devices. */
int config_expressible(const DomainConfig *config, char **why);
/* The part of config_make that adds the devices, last: kind and identity are there. */
int config_devices(const DomainConfig *config, libxl_domain_config *made, char **why);
/* Says why; -ENOTSUP always. */
int config_refuse(char **why, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* --- hypervisor-tune.c ----------------------------------------------------------------------- */
int machine_set_memory(Hypervisor *hv, int id, uint64_t kib, char **why);
int machine_set_vcpus(Hypervisor *hv, int id, unsigned n, char **why);
