/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations that any driver can put into its table, because what is published, or the documents,
 * answer them: no hypervisor is asked. The contract of each is that of drivers/driver.h. */
#pragma once

#include "drivers/driver.h"

/* --- question.c: one domain, from its view --------------------------------------------------- */
int common_domain_lookup_by_id(Op *op, const RemoteDomainLookupByIdArgs *args,
                               RemoteDomainLookupByIdResult *result);
int common_domain_lookup_by_name(Op *op, const RemoteDomainLookupByNameArgs *args,
                                 RemoteDomainLookupByNameResult *result);
int common_domain_lookup_by_uuid(Op *op, const RemoteDomainLookupByUuidArgs *args,
                                 RemoteDomainLookupByUuidResult *result);
/* cpuTime is what the driver's domain_cpu_time says, 0 without that. */
int common_domain_get_info(Op *op, const RemoteDomainGetInfoArgs *args, RemoteDomainGetInfoResult *result);
int common_domain_get_state(Op *op, const RemoteDomainGetStateArgs *args, RemoteDomainGetStateResult *result);
int common_domain_get_os_type(Op *op, const RemoteDomainGetOsTypeArgs *args, RemoteDomainGetOsTypeResult *result);
int common_domain_get_max_memory(Op *op, const RemoteDomainGetMaxMemoryArgs *args,
                                 RemoteDomainGetMaxMemoryResult *result);
int common_domain_get_max_vcpus(Op *op, const RemoteDomainGetMaxVcpusArgs *args,
                                RemoteDomainGetMaxVcpusResult *result);
int common_domain_is_active(Op *op, const RemoteDomainIsActiveArgs *args, RemoteDomainIsActiveResult *result);
int common_domain_is_persistent(Op *op, const RemoteDomainIsPersistentArgs *args,
                                RemoteDomainIsPersistentResult *result);
int common_domain_is_updated(Op *op, const RemoteDomainIsUpdatedArgs *args, RemoteDomainIsUpdatedResult *result);
int common_domain_get_autostart(Op *op, const RemoteDomainGetAutostartArgs *args,
                                RemoteDomainGetAutostartResult *result);
int common_domain_get_xml_desc(Op *op, const RemoteDomainGetXmlDescArgs *args, RemoteDomainGetXmlDescResult *result);
int common_domain_get_vcpus_flags(Op *op, const RemoteDomainGetVcpusFlagsArgs *args,
                                  RemoteDomainGetVcpusFlagsResult *result);
int common_domain_has_managed_save_image(Op *op, const RemoteDomainHasManagedSaveImageArgs *args,
                                         RemoteDomainHasManagedSaveImageResult *result);
int common_domain_get_control_info(Op *op, const RemoteDomainGetControlInfoArgs *args,
                                   RemoteDomainGetControlInfoResult *result);
/* Always empty: nothing is remembered about a domain that would be worth a warning. */
int common_domain_get_messages(Op *op, const RemoteDomainGetMessagesArgs *args,
                               RemoteDomainGetMessagesResult *result);

/* --- list.c: many domains, from the pages of the list ---------------------------------------- */
int common_connect_list_all_domains(Op *op, const RemoteConnectListAllDomainsArgs *args,
                                    RemoteConnectListAllDomainsResult *result);
int common_connect_num_of_domains(Op *op, RemoteConnectNumOfDomainsResult *result);
int common_connect_num_of_defined_domains(Op *op, RemoteConnectNumOfDefinedDomainsResult *result);
int common_connect_list_domains(Op *op, const RemoteConnectListDomainsArgs *args,
                                RemoteConnectListDomainsResult *result);
int common_connect_list_defined_domains(Op *op, const RemoteConnectListDefinedDomainsArgs *args,
                                        RemoteConnectListDefinedDomainsResult *result);

/* --- stats.c: the groups state, cpu-total, balloon and vcpu, from the pages ------------------------------ */
int common_connect_get_all_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args,
                                        RemoteConnectGetAllDomainStatsResult *result);

/* More parameters of one domain, ready to be sent: common_extra_* write them. */
typedef struct CommonStatsExtra {
    uint32_t n;
    GByteArray *bytes;
} CommonStatsExtra;
void common_extra_word(CommonStatsExtra *extra, const char *name, int type, uint32_t value);
void common_extra_long(CommonStatsExtra *extra, const char *name, uint64_t value);
void common_extra_text(CommonStatsExtra *extra, const char *name, const char *value);
/* Puts the parameters of `more` behind those of `extra`; `more` is empty then. */
void common_extra_join(CommonStatsExtra *extra, CommonStatsExtra *more);

enum { COMMON_STATS_EXTRAS = 4 };

/* The same for a driver that has asked its hypervisor for all domains before. */
typedef struct CommonStatsSource {
    void *data;
    uint32_t more;            /* groups that `extra` knows beyond those of this file */
    /* What is to be said of a domain beyond the usual, in up to COMMON_STATS_EXTRAS parts; how many. Asked twice for each
     * domain, and the answer must be the same; the parts live until the end of the call. May be NULL. */
    unsigned (*extra)(void *data, const DomainView *view, const CommonStatsExtra **parts);
    /* Puts what is true now into the numbers of the entry (not into its view); returns the CPU time, ns. */
    uint64_t (*look)(void *data, DomainEntry *entry);
} CommonStatsSource;
int common_domain_stats(Op *op, const RemoteConnectGetAllDomainStatsArgs *args, const CommonStatsSource *source,
                        RemoteConnectGetAllDomainStatsResult *result);

/* --- metadata.c: title, description and the elements of applications --------------------------- */
int common_domain_get_metadata(Op *op, const RemoteDomainGetMetadataArgs *args,
                               RemoteDomainGetMetadataResult *result);
/* In a job of the domain; may wait for the store's disk. Announces METADATA_CHANGE. */
int common_domain_set_metadata(Op *op, const RemoteDomainSetMetadataArgs *args);

/* --- job.c: a long job of a domain, and for how long it has run -------------------------------- */
int common_domain_get_job_info(Op *op, const RemoteDomainGetJobInfoArgs *args, RemoteDomainGetJobInfoResult *result);
int common_domain_get_job_stats(Op *op, const RemoteDomainGetJobStatsArgs *args, RemoteDomainGetJobStatsResult *result);

/* --- cpu.c: models of CPUs; on workers ----------------------------------------------------------- */

/* Which questions of these files wait for a disk, though their lane doesn't say so; a driver's may_block, or a part of it. */
bool common_may_block(const Host *host, const Proc *proc);
int common_connect_baseline_cpu(Op *op, const RemoteConnectBaselineCpuArgs *args, RemoteConnectBaselineCpuResult *result);
int common_connect_get_cpu_model_names(Op *op, const RemoteConnectGetCpuModelNamesArgs *args,
                                       RemoteConnectGetCpuModelNamesResult *result);

/* --- node.c: what the kernel of this host says ------------------------------------------------- */
int common_connect_get_hostname(Op *op, RemoteConnectGetHostnameResult *result);
int common_connect_is_secure(Op *op, RemoteConnectIsSecureResult *result);
