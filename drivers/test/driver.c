/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test driver's table: what the in-memory hypervisor can do, and which file does it.
 * Constant data; what is missing here answers VIR_ERR_NO_SUPPORT. */
#include "drivers/test/driver.h"

#include "drivers/common/common.h"
#include "drivers/test/test.h"

const Driver test_driver = {
    .scheme = "test",
    .prompt = true,
    .type = "TEST",
    .error_domain = VIR_FROM_TEST,

    /* host.c */
    .claims = test_claims,
    .open = test_open,
    .close = test_close,

    /* node.c */
    .connect_get_version = test_connect_get_version,
    .connect_get_capabilities = test_connect_get_capabilities,
    .connect_get_max_vcpus = test_connect_get_max_vcpus,
    .connect_get_hostname = common_connect_get_hostname,
    .connect_is_secure = common_connect_is_secure,
    .node_get_info = test_node_get_info,
    .node_get_free_memory = test_node_get_free_memory,
    .node_get_cells_free_memory = test_node_get_cells_free_memory,
    .node_get_cpu_map = test_node_get_cpu_map,
    .node_get_security_model = test_node_get_security_model,
    .domain_get_security_label = test_domain_get_security_label,

    /* questions: answered from what is published */
    .connect_list_all_domains = common_connect_list_all_domains,
    .connect_list_domains = common_connect_list_domains,
    .connect_num_of_domains = common_connect_num_of_domains,
    .connect_list_defined_domains = common_connect_list_defined_domains,
    .connect_num_of_defined_domains = common_connect_num_of_defined_domains,
    .connect_get_all_domain_stats = common_connect_get_all_domain_stats,
    .domain_lookup_by_id = common_domain_lookup_by_id,
    .domain_lookup_by_name = common_domain_lookup_by_name,
    .domain_lookup_by_uuid = common_domain_lookup_by_uuid,
    .domain_get_info = common_domain_get_info,
    .domain_get_state = common_domain_get_state,
    .domain_get_xml_desc = common_domain_get_xml_desc,
    .domain_get_os_type = common_domain_get_os_type,
    .domain_get_max_memory = common_domain_get_max_memory,
    .domain_get_max_vcpus = common_domain_get_max_vcpus,
    .domain_get_vcpus_flags = common_domain_get_vcpus_flags,
    .domain_get_autostart = common_domain_get_autostart,
    .domain_get_metadata = common_domain_get_metadata,
    .domain_get_job_info = common_domain_get_job_info,
    .domain_get_job_stats = common_domain_get_job_stats,
    .domain_get_control_info = common_domain_get_control_info,
    .domain_get_messages = common_domain_get_messages,
    .domain_has_managed_save_image = common_domain_has_managed_save_image,
    .domain_is_active = common_domain_is_active,
    .domain_is_persistent = common_domain_is_persistent,
    .domain_is_updated = common_domain_is_updated,

    /* define.c */
    .domain_rules = &test_domain_rules,
    .domain_define = test_domain_define,
    .domain_undefine_flags = test_domain_undefine_flags,
    .domain_set_autostart = test_domain_set_autostart,
    .domain_rename = test_domain_rename,

    /* models of CPUs */
    .may_block = common_may_block,
    .connect_baseline_cpu = common_connect_baseline_cpu,
    .connect_get_cpu_model_names = common_connect_get_cpu_model_names,

    /* device.c */
    .domain_attach_device_flags = test_domain_attach_device_flags,
    .domain_detach_device_flags = test_domain_detach_device_flags,
    .domain_update_device_flags = test_domain_update_device_flags,
    .domain_detach_device_alias = test_domain_detach_device_alias,
    .domain_set_metadata = common_domain_set_metadata,

    /* life.c */
    .domain_start = test_domain_start,
    .domain_cpu_time = test_domain_cpu_time,
    .domain_suspend = test_domain_suspend,
    .domain_resume = test_domain_resume,
    .domain_shutdown_flags = test_domain_shutdown_flags,
    .domain_reboot = test_domain_reboot,
    .domain_reset = test_domain_reset,
    .domain_destroy_flags = test_domain_destroy_flags,

    /* resources.c */
    .domain_get_vcpus = test_domain_get_vcpus,
    .domain_set_vcpus_flags = test_domain_set_vcpus_flags,
    .domain_set_memory_flags = test_domain_set_memory_flags,

    /* console.c, screenshot.c */
    .domain_open_console = test_domain_open_console,
    .domain_screenshot = test_domain_screenshot,
};
