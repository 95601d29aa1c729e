/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Xen driver's table: what it can do, and which file does it.
 * Constant data; what is missing here answers VIR_ERR_NO_SUPPORT. */
#include "drivers/xen/driver.h"

#include "drivers/common/common.h"
#include "drivers/xen/xen.h"

const Driver xen_driver = {
    .scheme = "xen",
    .type = "Xen",
    .error_domain = VIR_FROM_LIBXL,

    /* host.c */
    .claims = xen_claims,
    .own_host = xen_own_host,
    .open = xen_open,
    .close = xen_close,
    .may_block = xen_may_block,
    .counters = xen_figures,    /* figures.c */

    /* document.c */
    .domain_rules = &xen_domain_rules,

    /* node.c */
    .connect_get_version = xen_connect_get_version,
    .connect_get_capabilities = xen_connect_get_capabilities,
    .connect_get_max_vcpus = xen_connect_get_max_vcpus,
    .connect_get_hostname = common_connect_get_hostname,
    .connect_is_secure = common_connect_is_secure,
    .node_get_info = xen_node_get_info,
    .node_get_free_memory = xen_node_get_free_memory,
    .node_get_cells_free_memory = xen_node_get_cells_free_memory,
    .node_get_cpu_map = xen_node_get_cpu_map,
    .domain_get_scheduler_type = xen_domain_get_scheduler_type,

    /* models of CPUs */
    .connect_baseline_cpu = common_connect_baseline_cpu,
    .connect_get_cpu_model_names = common_connect_get_cpu_model_names,

    /* domcaps.c */
    .connect_get_domain_capabilities = xen_connect_get_domain_capabilities,

    /* identity.c */
    .connect_list_all_domains = xen_connect_list_all_domains,
    .connect_list_domains = xen_connect_list_domains,
    .connect_num_of_domains = xen_connect_num_of_domains,
    .connect_list_defined_domains = xen_connect_list_defined_domains,
    .connect_num_of_defined_domains = xen_connect_num_of_defined_domains,
    .domain_lookup_by_id = xen_domain_lookup_by_id,
    .domain_lookup_by_name = xen_domain_lookup_by_name,
    .domain_lookup_by_uuid = xen_domain_lookup_by_uuid,

    /* stats.c */
    .connect_get_all_domain_stats = xen_connect_get_all_domain_stats,

    /* device-stats.c */
    .domain_block_stats = xen_domain_block_stats,
    .domain_block_stats_flags = xen_domain_block_stats_flags,
    .domain_interface_stats = xen_domain_interface_stats,

    /* question.c */
    .domain_get_info = xen_domain_get_info,
    .domain_get_state = xen_domain_get_state,
    .domain_is_active = xen_domain_is_active,
    .domain_get_max_memory = xen_domain_get_max_memory,
    .domain_get_max_vcpus = xen_domain_get_max_vcpus,
    .domain_get_vcpus_flags = xen_domain_get_vcpus_flags,
    .domain_get_vcpus = xen_domain_get_vcpus,
    .domain_get_xml_desc = xen_domain_get_xml_desc,
    .domain_get_control_info = xen_domain_get_control_info,

    /* questions that the hypervisor has no other answer to */
    .domain_get_os_type = common_domain_get_os_type,
    .domain_get_autostart = common_domain_get_autostart,
    .domain_get_metadata = common_domain_get_metadata,
    .domain_get_job_info = common_domain_get_job_info,
    .domain_get_job_stats = common_domain_get_job_stats,
    .domain_has_managed_save_image = common_domain_has_managed_save_image,
    .domain_is_persistent = common_domain_is_persistent,
    .domain_is_updated = common_domain_is_updated,

    /* build.c, define.c */
    .domain_define = xen_domain_define,
    .domain_start = xen_domain_start,
    .domain_undefine_flags = xen_domain_undefine_flags,
    .domain_set_autostart = xen_domain_set_autostart,
    .domain_set_metadata = xen_domain_set_metadata,

    /* tune.c, pin.c, share.c */
    .domain_set_vcpus_flags = xen_domain_set_vcpus_flags,
    .domain_set_memory_flags = xen_domain_set_memory_flags,
    .domain_memory_stats = xen_domain_memory_stats,
    .domain_pin_vcpu_flags = xen_domain_pin_vcpu_flags,
    .domain_get_vcpu_pin_info = xen_domain_get_vcpu_pin_info,
    .domain_set_scheduler_parameters_flags = xen_domain_set_scheduler_parameters_flags,
    .domain_get_scheduler_parameters_flags = xen_domain_get_scheduler_parameters_flags,

    /* life.c */
    .domain_suspend = xen_domain_suspend,
    .domain_resume = xen_domain_resume,
    .domain_shutdown_flags = xen_domain_shutdown_flags,
    .domain_reboot = xen_domain_reboot,
    .domain_destroy_flags = xen_domain_destroy_flags,

    /* device.c */
    .domain_attach_device_flags = xen_domain_attach_device_flags,
    .domain_detach_device_flags = xen_domain_detach_device_flags,
    .domain_detach_device_alias = xen_domain_detach_device_alias,
    .domain_update_device_flags = xen_domain_update_device_flags,

    /* console.c */
    .domain_open_console = xen_domain_open_console,

    /* native.c */
    .connect_domain_xml_from_native = xen_connect_domain_xml_from_native,
    .connect_domain_xml_to_native = xen_connect_domain_xml_to_native,

    /* sleep.c */
    .domain_pm_suspend_for_duration = xen_domain_pm_suspend_for_duration,
    .domain_pm_wakeup = xen_domain_pm_wakeup,

    /* save.c, dump.c, managed.c, restore.c */
    .domain_save_flags = xen_domain_save_flags,
    .domain_managed_save = xen_domain_managed_save,
    .domain_core_dump_with_format = xen_domain_core_dump_with_format,
    .domain_managed_save_remove = xen_domain_managed_save_remove,
    .domain_restore_prepare = xen_domain_restore_prepare,
    .domain_restore = xen_domain_restore,
    .domain_save_image_get_xml_desc = xen_domain_save_image_get_xml_desc,
    .domain_save_image_define_xml = xen_domain_save_image_define_xml,
    .domain_managed_save_get_xml_desc = xen_domain_managed_save_get_xml_desc,
    .domain_managed_save_define_xml = xen_domain_managed_save_define_xml,
};
