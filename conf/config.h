/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain document as a typed object. Immutable once made: shared by reference counting,
 * readable by any thread without a lock. A change is a new one (domain_config_copy, edit before
 * it is shared, then publish).
 * This is the simple form: what drover itself needs is typed, the rest is kept as it was given. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

/* Where in the document a kept element stands: libvirt's order. */
typedef enum DomainPlace {
    DOMAIN_AFTER_UUID,        /* genid */
    DOMAIN_BEFORE_MEMORY,     /* maxMemory */
    DOMAIN_AFTER_MEMORY,      /* blkiotune, memtune, memoryBacking */
    DOMAIN_AFTER_VCPU,        /* iothreads, cputune, numatune, resource, sysinfo, bootloader, ... */
    DOMAIN_AFTER_OS,          /* idmap, features, cpu, clock */
    DOMAIN_AFTER_ACTIONS,     /* on_lockfailure, pm, perf */
    DOMAIN_AFTER_DEVICES,     /* seclabel, keywrap, launchSecurity */
    DOMAIN_PLACES,
} DomainPlace;

typedef struct DomainConfig {
    int refs;                 /* atomic */
    Uuid uuid;
    char *name;
    char *type;               /* <domain type=…>: "test", "kvm", "xen" */
    char *title, *description;    /* NULL when absent */
    uint64_t max_memory;      /* KiB */
    uint64_t memory;          /* KiB; <currentMemory>, else max_memory */
    unsigned max_vcpus;
    unsigned vcpus;           /* <vcpu current=…>, else max_vcpus */
    char *cpuset;             /* <vcpu cpuset=…> as ranges in order; NULL when absent */
    char *dump_core;          /* <memory dumpCore=…>: "on", "off", NULL when absent */
    char *os_type;            /* "hvm", "linux", "xen", "exe" */
    char *os_arch, *os_machine;    /* NULL when absent; a driver fills in what its host has */
    char *os_firmware;        /* <os firmware=…>; NULL when absent */
    char *on_poweroff, *on_reboot, *on_crash;    /* as given or the defaults */
    char *metadata;           /* the <metadata> element as XML text, NULL when absent */
    char *rest_os;            /* children of <os> beyond <type>, as XML text; NULL when none */
    char *rest[DOMAIN_PLACES];    /* other top elements but <devices>, as lines of XML text; NULL when none */
    char *devices;            /* children of <devices> as lines of XML text; NULL when none */
    bool uuid_generated;      /* the document had none */
    bool vcpu_auto;           /* <vcpu placement='auto'> */
    bool has_secrets;         /* `devices` holds passwords: shown with DOMAIN_FORMAT_SECURE only */
    uint32_t block;           /* private: the texts inside this many bytes from here on belong to the struct */
} DomainConfig;

typedef enum DomainParseFlags {
    DOMAIN_PARSE_VALIDATE = 1 << 0,    /* against the schema that libvirt installs */
    DOMAIN_PARSE_STORED = 1 << 1,      /* from our own store: never refused for a rule that is newer than the file */
} DomainParseFlags;

/* `document`: UTF-8 text of `size` bytes, at most 4 MiB as given and as formatted (STORED: 16 MiB), at most
 * 256 levels deep; a document type declaration is refused, so there are no entities to expand.
 * Returns an owned reference, or NULL and: VIR_ERR_XML_ERROR (27; what is there is wrong),
 * VIR_ERR_XML_DETAIL (35; not well-formed, or too long), VIR_ERR_NO_NAME (21), VIR_ERR_XML_INVALID_SCHEMA (92),
 * VIR_ERR_CONFIG_UNSUPPORTED (67; a value that isn't known), VIR_ERR_OVERFLOW (82; too much memory),
 * VIR_ERR_INVALID_ARG (8; a bad unit or set of CPUs), VIR_ERR_INTERNAL_ERROR (1; no type, a bad uuid, no vCPU:
 * what libvirt's clients get for it). DOMAIN_PARSE_VALIDATE may wait for a disk. */
DomainConfig *domain_config_parse(const char *document, size_t size, unsigned flags, Error *error);

typedef enum DomainFormatFlags {
    DOMAIN_FORMAT_SECURE = 1 << 0,
    DOMAIN_FORMAT_INACTIVE = 1 << 1,
    DOMAIN_FORMAT_UPDATE_CPU = 1 << 2,
    DOMAIN_FORMAT_MIGRATABLE = 1 << 3,
} DomainFormatFlags;

/* The document as libvirt formats it; `id` >= 0 gives <domain … id='1'>. Owned by the caller. */
char *domain_config_format(const DomainConfig *config, int id, unsigned flags);

DomainConfig *domain_config_ref(const DomainConfig *config);
void domain_config_unref(const DomainConfig *config);    /* NULL is fine */
/* A private copy with one reference, to be edited before it is shared. */
DomainConfig *domain_config_copy(const DomainConfig *config);
/* Replaces one of the texts of a config that isn't shared yet; `text` is copied and may be NULL.
 *   domain_config_set_text(config, &config->title, "…"); */
void domain_config_set_text(DomainConfig *config, char **member, const char *text);

static inline void domain_config_unref_auto(DomainConfig *config)
{
    domain_config_unref(config);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainConfig, domain_config_unref_auto)
