/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings of devices that Xen has no word for. What a guest or its owner would miss is refused; what only makes a device
 * faster or slower is passed over, and the log says so when the device is defined or attached.
 * Pure functions but for the log: any thread, no lock. docs/xen.md has the list. */
#pragma once

#include "conf/config.h"
#include "conf/elements.h"

/* The first setting of a device that has to be refused, as people find it in the document; NULL: there is none. */
const char *setting_refused_disk(const Disk *disk);
const char *setting_refused_interface(const Interface *interface);
const char *setting_refused_hostdev(const Hostdev *hostdev);
const char *setting_refused_graphics(const Graphics *graphics);
const char *setting_refused_video(const Video *video);
/* The same of all other devices of a document together. */
const char *setting_refused_others(const Devices *devices);

/* What is passed over in a document, "disk vda: cache, io; …", the caller's; NULL: nothing is. */
char *settings_passed_over(const DomainConfig *config);
