/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device at a time: a device's own document is put into a config, replaces a device of it or takes one out.
 * The config is a copy that nobody else has; whatever the rules say of a whole document holds for it afterwards.
 * Pure functions of their arguments, any thread, no lock. */
#pragma once

#include "conf/config.h"
#include "conf/rules/rules.h"

typedef enum DeviceChange { DEVICE_ATTACH, DEVICE_DETACH, DEVICE_UPDATE } DeviceChange;

/* `document`: one element that may stand below <devices> (a detached or updated one need only say what it is found by).
 * `flags`: DOMAIN_PARSE_LIVE for the config of a running domain.
 * 0, or -1, the config then being of no use, and: what domain_config_parse answers for a bad document,
 * VIR_ERR_OPERATION_INVALID when what is attached is there already, VIR_ERR_DEVICE_MISSING when there is none to
 * detach or update, VIR_ERR_OPERATION_FAILED when there are several, VIR_ERR_OPERATION_UNSUPPORTED when a running
 * guest would see the update. */
int domain_config_change_device(DomainConfig *config, DeviceChange change, const char *document, size_t size,
                                const DomainRules *rules, unsigned flags, Error *error);
/* How many devices of any kind there are. */
unsigned domain_config_count_devices(const DomainConfig *config);
/* Takes out the device with that alias. 0, or -1 and VIR_ERR_DEVICE_MISSING. */
int domain_config_detach_alias(DomainConfig *config, const char *alias, Error *error);
