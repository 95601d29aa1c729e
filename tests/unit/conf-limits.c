/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the longest documents cost: each list of the tables as long as a document may be, and other ways to say much in
 * few bytes. An error is a good answer, a quick one; nothing may take longer than its length, and nothing may take much
 * more memory. One thread; the time is the processor's, so that a busy machine doesn't count. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "conf/config-private.h"
#include "conf/device.h"
#include "conf/element-private.h"
#include "conf/rules/rules.h"
#include "conf/xml.h"

#define SECONDS_AT_MOST 5.0      /* the slowest build has sanitizers; the usual one takes a tenth */
#define MEMORY_AT_MOST 64        /* bytes for each byte of the document, in the arena and in the config */

#define DEVICES 16000            /* a domain may have some more */
#define LAYERS 245               /* likewise */

static const DomainRules rules = { .default_arch = "i686", .namespaces = ~0u };

/* The size of the documents: DROVER_DOCUMENT_KIB, as far as the limit; by default an eighth of it, which shows
 * what is not linear and spares the time. */
static size_t document_size(void)
{
    const char *wanted = getenv("DROVER_DOCUMENT_KIB");
    size_t size = wanted ? (size_t)strtoul(wanted, NULL, 10) << 10 : DOMAIN_TEXT_LIMIT / 8;

    return MIN(size, DOMAIN_TEXT_LIMIT);
}

/* --- documents --------------------------------------------------------------------------------- */

/* A list of the tables: the element that has it, its name there, and a document with it. In the item '#' stands for its
 * number from 0 and '@' for letters that are different in each. */
typedef struct Long {
    const char *type, *row;
    const char *before, *item, *behind;
    unsigned most;                 /* items; 0: as many as fit */
} Long;

#define OS "<os><type>hvm</type></os>"
#define DEVICE(item) OS "<devices>", item, "</devices>"
#define IN_DISK(type, before, item, behind)                                                                            \
    OS "<devices><disk type='" type "'>" before, item, behind "<target dev='vda'/></disk></devices>"
#define IN_DEVICE(before, item, behind) OS "<devices>" before, item, behind "</devices>"
#define IN_FILE(before, item, behind) IN_DEVICE("<smartcard mode='passthrough'" before, item, behind "</smartcard>")

static const Long lists[] = {
    { "BlkioTune", "device", OS "<blkiotune>", "<device><path>/d#</path><weight>500</weight></device>",
      "</blkiotune>", 0 },
    { "HugePages", "page", OS "<memoryBacking><hugepages>", "<page size='1#' unit='GiB' nodeset='#'/>",
      "</hugepages></memoryBacking>", 16384 },
    { "Vcpus", "vcpu", OS "<vcpu>65535</vcpu><vcpus>", "<vcpu id='#' enabled='yes' hotpluggable='no' order='1'/>",
      "</vcpus>", 65535 },
    { "IothreadIds", "iothread", OS "<iothreadids>", "<iothread id='1#'/>", "</iothreadids>", 0 },
    { "CpuTune", "vcpupin", OS "<vcpu>65535</vcpu><cputune>", "<vcpupin vcpu='#' cpuset='0-7'/>", "</cputune>", 65535 },
    { "CpuTune", "iothreadpin", OS "<iothreads>65535</iothreads><cputune>",
      "<iothreadpin iothread='1#' cpuset='1'/>",
      "</cputune>", 1000 },
    { "CpuTune", "vcpusched", OS "<vcpu>65535</vcpu><cputune>",
      "<vcpusched vcpus='#' scheduler='fifo' priority='1'/>", "</cputune>", 16384 },
    { "CpuTune", "iothreadsched", OS "<iothreads>65535</iothreads><cputune>",
      "<iothreadsched iothreads='1#' scheduler='batch'/>", "</cputune>", 1000 },
    { "CpuTune", "cachetune", OS "<vcpu>65535</vcpu><cputune>",
      "<cachetune vcpus='#'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune>", "</cputune>",
      16384 },
    { "CacheTune", "cache", OS "<cputune><cachetune vcpus='0'>",
      "<cache id='#' level='3' type='both' size='3' unit='MiB'/>", "</cachetune></cputune>", 0 },
    { "CacheTune", "monitor", OS "<vcpu>65535</vcpu><cputune><cachetune vcpus='0-16383'>",
      "<monitor level='3' vcpus='#'/>", "</cachetune></cputune>", 16384 },
    { "CpuTune", "memorytune", OS "<vcpu>65535</vcpu><cputune>",
      "<memorytune vcpus='#'><node id='0' bandwidth='10'/></memorytune>", "</cputune>", 16384 },
    { "MemoryBandwidthTune", "node", OS "<cputune><memorytune vcpus='0'>", "<node id='#' bandwidth='10'/>",
      "</memorytune></cputune>", 0 },
    { "MemoryBandwidthTune", "monitor", OS "<vcpu>65535</vcpu><cputune><memorytune vcpus='0-16383'>",
      "<monitor vcpus='#'/>", "</memorytune></cputune>", 16384 },
    { "NumaTune", "memnode", OS "<numatune>", "<memnode cellid='#' mode='strict' nodeset='0'/>", "</numatune>", 0 },
    { "DomainConfig", "sysinfo", OS, "<sysinfo type='smbios'><bios><entry name='vendor'>#</entry></bios></sysinfo>",
      "", 0 },
    { "SmbiosTable", "entry", OS "<sysinfo type='smbios'><bios>", "<entry name='vendor'>#</entry>",
      "</bios></sysinfo>", 0 },
    { "Sysinfo", "baseBoard", OS "<sysinfo type='smbios'>", "<baseBoard><entry name='serial'>#</entry></baseBoard>",
      "</sysinfo>", 0 },
    { "OemStrings", "entry", OS "<sysinfo type='smbios'><oemStrings>", "<entry>#</entry>", "</oemStrings></sysinfo>",
      0 },
    { "Sysinfo", "entry", OS "<sysinfo type='fwcfg'>", "<entry name='opt/#'>x</entry>", "</sysinfo>", 0 },
    { "OsFirmware", "feature", "<os firmware='efi'><type>hvm</type><firmware>",
      "<feature enabled='yes' name='secure-boot'/>", "</firmware></os>", 0 },
    { "Os", "initarg", "<os><type>exe</type><init>/x</init>", "<initarg>#</initarg>", "</os>", 0 },
    { "Os", "initenv", "<os><type>exe</type><init>/x</init>", "<initenv name='n#'>x</initenv>", "</os>", 0 },
    { "StorageSource", "host",
      IN_DISK("network", "<source protocol='rbd' name='a/b'>", "<host name='h#' port='1'/>", "</source>"), 0 },
    { "SourceCookies", "cookie",
      IN_DISK("network", "<source protocol='https' name='a'><host name='h'/><cookies>",
              "<cookie name='c#'>v</cookie>", "</cookies></source>"),
      0 },
    { "StorageSlices", "slice",
      IN_DISK("file", "<source file='/a'><slices>", "<slice type='storage' offset='#' size='1'/>",
              "</slices></source>"),
      0 },
    { "StorageSource", "seclabel",
      IN_DISK("file", "<source file='/a'>", "<seclabel model='m#' relabel='no'/>", "</source>"), 0 },
    { "Encryption", "secret",
      IN_DISK("file", "<source file='/a'><encryption format='luks'>", "<secret type='passphrase' usage='u#'/>",
              "</encryption></source>"),
      0 },
    { "AcpiTables", "table", "<os><type>hvm</type><acpi>", "<table type='slic'>/a#</table>", "</acpi></os>", 0 },
    { "Os", "boot", "<os><type>hvm</type>", "<boot dev='hd'/>", "</os>", 0 },
    { "IdMap", "uid", OS "<idmap>", "<uid start='#' target='#' count='1'/>",
      "<gid start='0' target='1' count='2'/></idmap>", 0 },
    { "IdMap", "gid", OS "<idmap><uid start='0' target='1' count='2'/>", "<gid start='#' target='#' count='1'/>",
      "</idmap>", 0 },
    { "Cpu", "feature", OS "<cpu mode='custom'><model>qemu64</model>", "<feature policy='require' name='f#'/>",
      "</cpu>", 0 },
    { "Numa", "cell", OS "<vcpu>65535</vcpu><cpu><numa>", "<cell id='#' cpus='#' memory='1'/>", "</numa></cpu>",
      16384 },
    { "NumaDistances", "sibling", OS "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='1'><distances>",
      "<sibling id='0' value='10'/>", "</distances></cell></numa></cpu>", 0 },
    { "NumaCell", "cache", OS "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='1'>",
      "<cache level='1#' associativity='full' policy='writeback'><size value='1' unit='KiB'/>"
      "<line value='8' unit='B'/></cache>",
      "</cell></numa></cpu>", 0 },
    { "NumaLinks", "*", OS "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='1'/><interconnects>",
      "<latency initiator='0' target='0' type='access' value='1#'/>", "</interconnects></numa></cpu>", 0 },
    { "Clock", "timer", OS "<clock offset='utc'>", "<timer name='rtc'/>", "</clock>", 0 },
    { "Perf", "event", OS "<perf>", "<event name='cmt' enabled='yes'/>", "</perf>", 0 },
    { "Devices", "disk", DEVICE("<disk><source file='/a#'/><target dev='sd@'/></disk>"), DEVICES },
    { "Devices", "controller", DEVICE("<controller type='scsi' index='#'/>"), DEVICES },
    { "Devices", "lease", DEVICE("<lease><lockspace>a</lockspace><key>k#</key><target path='/a'/></lease>"), DEVICES },
    { "Devices", "filesystem",
      DEVICE("<filesystem><driver type='virtiofs'/><source dir='/a'/><target dir='/t#'/></filesystem>"), DEVICES },
    { "Devices", "interface", DEVICE("<interface type='user'/>"), DEVICES },
    { "InterfaceDevice", "ip",
      IN_DEVICE("<interface type='hostdev'><source><address type='pci'/>", "<ip address='10.0.0.1'/>",
                "</source></interface>"),
      0 },
    { "InterfaceDevice", "route",
      IN_DEVICE("<interface type='hostdev'><source><address type='pci'/>",
                "<route address='10.0.0.0' gateway='10.0.0.1'/>", "</source></interface>"),
      0 },
    { "HostdevSource", "host",
      IN_DEVICE("<hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.a:b/1'>",
                "<host name='h#'/>", "</source></hostdev>"),
      0 },
    { "InterfaceSource", "ip",
      IN_DEVICE("<interface type='ethernet'><source>", "<ip address='10.0.0.1'/>", "</source></interface>"), 0 },
    { "InterfaceSource", "route",
      IN_DEVICE("<interface type='ethernet'><source>", "<route address='10.0.0.0' prefix='8' gateway='10.0.0.1'/>",
                "</source></interface>"),
      0 },
    { "Vlan", "tag",
      IN_DEVICE("<interface type='network'><source network='n'/><vlan trunk='yes'>", "<tag id='7'/>",
                "</vlan></interface>"),
      0 },
    { "Interface", "ip", IN_DEVICE("<interface type='user'>", "<ip address='10.0.0.1'/>", "</interface>"), 0 },
    { "Interface", "route",
      IN_DEVICE("<interface type='ethernet'>", "<route address='10.0.0.0' prefix='8' gateway='10.0.0.1'/>",
                "</interface>"),
      0 },
    { "Interface", "portForward", IN_DEVICE("<interface type='user'>", "<portForward proto='tcp'/>", "</interface>"),
      0 },
    { "PortForward", "range",
      IN_DEVICE("<interface type='user'><portForward proto='tcp'>", "<range start='7'/>", "</portForward>"
                "</interface>"),
      0 },
    { "FilterRef", "parameter",
      IN_DEVICE("<interface type='network'><source network='n'/><filterref filter='f'>",
                "<parameter name='IP' value='10.0.0.#'/>", "</filterref></interface>"),
      0 },
    { "Devices", "smartcard", DEVICE("<smartcard mode='host'/>"), DEVICES },
    { "CharFile", "seclabel",
      IN_FILE(" type='dev'><source path='/a'>", "<seclabel model='m#' relabel='no'/>", "</source>"), 0 },
    { "CharPty", "seclabel",
      IN_FILE(" type='pty'><source path='/a'>", "<seclabel model='m#' relabel='no'/>", "</source>"), 0 },
    { "CharUnix", "seclabel",
      IN_FILE(" type='unix'><source mode='bind' path='/a'>", "<seclabel model='m#' relabel='no'/>", "</source>"), 0 },
    { "CharSource", "source", IN_FILE(" type='udp'>", "<source mode='connect' host='h' service='1'/>", ""), 0 },
    { "Smartcard", "certificate",
      IN_DEVICE("<smartcard mode='host-certificates'>", "<certificate>c#</certificate>", "</smartcard>"), 0 },
    { "Devices", "serial", DEVICE("<serial type='pty'/>"), DEVICES },
    { "Devices", "parallel", DEVICE("<parallel type='pty'/>"), DEVICES },
    { "Devices", "console", DEVICE("<console type='pty'><target type='virtio'/></console>"), DEVICES },
    { "Devices", "channel", DEVICE("<channel type='pty'><target type='virtio' name='n#'/></channel>"), DEVICES },
    { "Devices", "input", DEVICE("<input type='tablet' bus='usb'/>"), DEVICES },
    { "Devices", "tpm", DEVICE("<tpm><backend type='passthrough'/></tpm>"), DEVICES },
    { "Devices", "graphics", DEVICE("<graphics type='vnc'/>"), DEVICES },
    { "Graphics", "listen",
      IN_DEVICE("<graphics type='vnc'>", "<listen type='address' address='h#'/>", "</graphics>"), 0 },
    { "GraphicsSpice", "channel",
      IN_DEVICE("<graphics type='spice'>", "<channel name='main' mode='secure'/>", "</graphics>"), 0 },
    { "Devices", "sound", DEVICE("<sound model='ac97'/>"), DEVICES },
    { "Sound", "codec", IN_DEVICE("<sound model='ich6'>", "<codec type='duplex'/>", "</sound>"), 0 },
    { "Devices", "audio", DEVICE("<audio id='1#' type='none'/>"), DEVICES },
    { "Devices", "video", DEVICE("<video><model type='virtio'/></video>"), DEVICES },
    { "Devices", "hostdev",
      DEVICE("<hostdev mode='subsystem' type='scsi'><source>"
             "<adapter name='scsi_host#'/>" "<address bus='0' target='0' unit='#'/></source></hostdev>"),
      DEVICES },
    { "Hostdev", "ip",
      IN_DEVICE("<hostdev mode='capabilities' type='net'><source><interface>e</interface></source>",
                "<ip address='10.0.0.1'/>", "</hostdev>"),
      0 },
    { "Hostdev", "route",
      IN_DEVICE("<hostdev mode='capabilities' type='net'><source><interface>e</interface></source>",
                "<route address='10.0.0.0' prefix='8' gateway='10.0.0.1'/>", "</hostdev>"),
      0 },
    { "Devices", "redirdev", IN_DEVICE("<controller type='usb'/>", "<redirdev bus='usb' type='spicevmc'/>", ""),
      DEVICES },
    { "RedirFilter", "usbdev", IN_DEVICE("<redirfilter>", "<usbdev allow='yes'/>", "</redirfilter>"), 0 },
    { "Devices", "hub", DEVICE("<hub type='usb'/>"), DEVICES },
    { "Devices", "rng", DEVICE("<rng model='virtio'><backend model='random'/></rng>"), DEVICES },
    { "Devices", "panic", DEVICE("<panic model='isa'/>"), DEVICES },
    { "Devices", "shmem", DEVICE("<shmem name='s#'/>"), DEVICES },
    { "Devices", "memory", DEVICE("<memory model='dimm'><target><size unit='KiB'>1</size></target></memory>"),
      DEVICES },
    { "DomainConfig", "seclabel", OS, "<seclabel type='none' model='m#'/>", "", 0 },
    { "QemuCommandline", "arg", OS "<qemu:commandline>", "<qemu:arg value='#'/>", "</qemu:commandline>", 0 },
    { "QemuCommandline", "env", OS "<qemu:commandline>", "<qemu:env name='n#'/>", "</qemu:commandline>", 0 },
    { "QemuCapabilities", "add", OS "<qemu:capabilities>", "<qemu:add capability='c#'/>", "</qemu:capabilities>", 0 },
    { "QemuCapabilities", "del", OS "<qemu:capabilities>", "<qemu:del capability='c#'/>", "</qemu:capabilities>", 0 },
    { "QemuOverride", "device", OS "<qemu:override>",
      "<qemu:device alias='a#'><qemu:frontend><qemu:property name='p' type='string' value='v'/></qemu:frontend>"
      "</qemu:device>",
      "</qemu:override>", 0 },
    { "QemuFrontend", "property", OS "<qemu:override><qemu:device alias='a'><qemu:frontend>",
      "<qemu:property name='p#' type='string' value='v'/>", "</qemu:frontend></qemu:device></qemu:override>", 0 },
    { "BhyveCommandline", "arg", OS "<bhyve:commandline>", "<bhyve:arg value='#'/>", "</bhyve:commandline>", 0 },
    { "XenCommandline", "arg", OS "<xen:commandline>", "<xen:arg value='#'/>", "</xen:commandline>", 0 },
    { "KeyWrap", "cipher", OS "<keywrap>", "<cipher name='aes' state='on'/>", "</keywrap>", 0 },
};

/* More than one list, or a list in another shape. */
static const Long others[] = {
    { "disks without controllers", "", DEVICE("<disk><source file='/a'/><target dev='vd@' bus='virtio'/></disk>"),
      DEVICES },
    { "disks with addresses", "",
      DEVICE("<disk><source file='/a'/><target dev='sd@'/><address type='drive' unit='#'/></disk>"), DEVICES },
    { "disks far apart", "",
      DEVICE("<disk><source file='/a'/><target dev='sd@' bus='sata'/><address type='drive' controller='#'/></disk>"),
      DEVICES / 2 },
    { "disks and SCSI devices", "",
      DEVICE("<disk><source file='/a'/><target dev='sd@'/></disk><hostdev mode='subsystem' type='scsi'><source>"
             "<adapter name='scsi_host#'/>" "<address bus='0' target='0' unit='#'/></source>"
             "<address type='drive' controller='#'/></hostdev>"),
      DEVICES / 3 },
    { "SCSI devices without places", "",
      DEVICE("<hostdev mode='subsystem' type='scsi' sgio='filtered'><source>"
             "<adapter name='scsi_host#'/>" "<address bus='0' target='0' unit='#'/></source></hostdev>"),
      DEVICES },
    { "PCI devices of the host", "",
      DEVICE("<hostdev mode='subsystem' type='pci'><source><address domain='#' bus='1' slot='2'/></source></hostdev>"),
      DEVICES },
    { "USB devices of the host", "",
      DEVICE("<hostdev mode='subsystem' type='usb'><source><vendor id='1'/><product id='#'/></source></hostdev>"),
      DEVICES },
    { "controllers without indexes", "", DEVICE("<controller type='scsi'/>"), DEVICES },
    { "controllers with one index", "", DEVICE("<controller type='usb' index='1' model='ich9-uhci1'/>"), DEVICES },
    { "parts of USB controllers", "",
      DEVICE("<controller type='usb' model='ich9-uhci1'/><controller type='usb' model='ich9-ehci1'/>"), DEVICES / 2 },
    { "controllers backwards", "", DEVICE("<controller type='scsi' index='#'/><controller type='sata'/>"),
      DEVICES / 2 },
    { "boot orders", "", DEVICE("<interface type='user'><boot order='1#'/></interface>"), DEVICES },
    { "aliases", "", DEVICE("<input type='mouse' bus='usb'><alias name='ua-#'/></input>"), DEVICES },
    { "groups of limits", "",
      DEVICE("<disk><source file='/a'/><target dev='vd@'/><iotune><total_iops_sec>1</total_iops_sec>"
             "<group_name>g#</group_name></iotune></disk>"),
      DEVICES },
    { "labels of disks", "",
      DEVICE("<disk><source file='/a'><seclabel model='m#' relabel='no'/></source><target dev='vd@'/></disk>"),
      DEVICES },
    { "teams", "",
      DEVICE("<interface type='user'><teaming type='transient' persistent='ua-#'/>"
             "</interface>" "<interface type='user'><teaming type='persistent'/><alias name='ua-#'/></interface>"),
      DEVICES / 2 },
    { "names of interfaces", "", DEVICE("<interface type='user'><target dev='vnet#'/></interface>"), DEVICES },
    { "memory modules with slots", "",
      DEVICE("<memory model='dimm'><target><size unit='KiB'>1</size></target>"
             "<address type='dimm' slot='#' base='#'/></memory>"),
      DEVICES },
    { "sound cards with backends", "",
      DEVICE("<sound model='ac97'><audio id='1#'/></sound><audio id='1#' type='none'/>"), DEVICES / 2 },
    { "graphics and backends", "",
      DEVICE("<graphics type='vnc'><audio id='1#'/></graphics><audio id='1#' type='none'/>"), DEVICES / 2 },
    { "consoles and serial ports", "",
      DEVICE("<serial type='pty'><target port='#'/></serial><console type='pty'>"
             "<target type='virtio' port='1'/></console>"),
      DEVICES / 2 },
    { "channels with ports", "",
      DEVICE("<channel type='pty'><target type='virtio'/><address type='virtio-serial' port='#'/></channel>"),
      DEVICES },
    { "smart cards with slots", "", DEVICE("<smartcard mode='host'><address type='ccid' slot='#'/></smartcard>"),
      DEVICES },
    { "system tables", "", OS,
      "<sysinfo type='smbios'><system><entry name='uuid'>" "5c8f6f7e-3b0a-4c59-8f8c-0d4b0a3d7e11</entry>"
      "</system></sysinfo>",
      "", 0 },
    { "sets of CPUs", "", OS "<vcpu>65535</vcpu><cputune>",
      "<vcpupin vcpu='#' cpuset='0,2,4,6,8,10,12,14,16,18,20-16383'/>", "</cputune>", 65535 },
    { "one long set", "", OS "<vcpu cpuset='0", ",#", "'>1</vcpu>", 16383 },
    { "all CPUs again and again", "", OS "<vcpu>65535</vcpu><cputune>",
      "<cachetune vcpus='0-16383'/><memorytune vcpus='0-16383'/>", "</cputune>", 0 },
    { "schedulers of all CPUs", "", OS "<vcpu>65535</vcpu><cputune>",
      "<vcpusched vcpus='0-16383' scheduler='batch'/>", "</cputune>", 0 },
    { "distances", "", OS "<vcpu>65535</vcpu><cpu><numa><cell memory='1'/>",
      "<cell memory='1'><distances><sibling id='0' value='20'/></distances></cell>", "</numa></cpu>", 0 },
    { "what is not known", "", OS "<devices>", "<a/>", "</devices>", 0 },
    { "what stands twice", "", OS, "<os/>", "", 0 },
    { "what is put together", "", OS, "<devices><input type='mouse' bus='usb'/></devices>", "", 0 },
    { "attributes", "", OS "<cpu ", "a#='' ", "/>", 0 },
    { "namespaces of one element", "", OS "<metadata><a ", "xmlns:a#='#' ", "/></metadata>", 0 },
    { "namespaces", "", OS "<metadata>", "<a xmlns='#'/>", "</metadata>", 0 },
    { "prefixes", "", OS "<metadata>", "<a:a xmlns:a='#'/>", "</metadata>", 0 },
    { "one namespace", "", OS "<metadata><a:a xmlns:a='a'>", "<a:a/>", "</a:a></metadata>", 0 },
    { "comments", "", OS "<description>", "<!---->a", "</description>", 0 },
    { "sections", "", OS "<description>", "<![CDATA[]]>a", "</description>", 0 },
    { "quotes", "", OS "<description>", "\"", "</description>", 0 },
    { "references", "", OS "<description>", "&amp;", "</description>", 0 },
    { "references in an attribute", "", OS "<cpu mode='", "&amp;", "'/>", 0 },
    { "white space", "", OS, " ", "", 0 },
    { "instructions", "", OS, "<?a?>", "", 0 },
};

static void put_item(GString *out, const char *item, unsigned number)
{
    for (; *item; item++) {
        if (*item == '#')
            g_string_append_printf(out, "%u", number);
        else if (*item == '@')
            for (unsigned left = number;; left = left / 26 - 1) {
                g_string_append_c(out, (char)('a' + left % 26));
                if (left < 26)
                    break;
            }
        else
            g_string_append_c(out, *item);
    }
}

static GString *document_of(const Long *list, size_t size)
{
    static const char end[] = "</domain>";
    GString *out = g_string_sized_new(size + 1);

    g_string_append(out, "<domain type='test' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
                         " xmlns:bhyve='http://libvirt.org/schemas/domain/bhyve/1.0'"
                         " xmlns:xen='http://libvirt.org/schemas/domain/xen/1.0'>"
                         "<name>x</name><memory unit='GiB'>64</memory>");
    g_string_append(out, list->before);
    for (unsigned i = 0; list->most == 0 || i < list->most; i++) {
        size_t before = out->len;

        put_item(out, list->item, i);
        if (out->len + strlen(list->behind) + strlen(end) > size) {
            g_string_truncate(out, before);
            break;
        }
    }
    g_string_append(out, list->behind);
    return g_string_append(out, end);
}

/* --- time and memory ---------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Everything that is done with a document: parse, copy, compare, print, and read what was printed. */
static void use(const GString *document, unsigned flags)
{
    Error error = ERROR_INIT;
    g_autoptr(DomainConfig) config = domain_config_parse(document->str, document->len, &rules, flags, &error);
    g_autoptr(DomainConfig) copy = NULL;
    g_autofree char *text = NULL;

    if (config) {
        copy = domain_config_copy(config);
        g_assert_cmpint(domain_config_check_abi(config, copy, &error), ==, 0);
        text = domain_config_format(copy, -1, DOMAIN_FORMAT_SECURE);
    } else {
        g_test_message("%.200s", error.message);
        error_clear(&error);
    }
}

static void assert_quick(const char *what, const GString *document)
{
    static const unsigned ways[] = { 0, DOMAIN_PARSE_STORED };

    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        double start = seconds(), took;

        use(document, ways[i]);
        took = seconds() - start;
        g_test_message("%s, flags %u: %zu bytes, %.3f s", what, ways[i], document->len, took);
        g_assert_cmpfloat(took, <, SECONDS_AT_MOST);
    }
}

/* The parse by hand, to look at the arena: what is taken besides the tree, until it is packed and then. */
static void measure(const GString *document, unsigned flags, size_t *used, size_t *packed)
{
    Arena tree, arena;
    g_autoptr(xmlDoc) doc = NULL;
    Error error = ERROR_INIT;
    DomainConfig draft = { 0 };
    ElementParse parse = { .arena = &arena, .error = &error, .flags = flags, .namespaces = rules.namespaces };
    DomainCheck check = { .arena = &arena, .error = &error, .flags = flags, .rules = &rules };
    const xmlNode *root;

    arena_init(&tree, NULL, 0);
    arena_init(&arena, NULL, 0);
    *packed = 0;
    root = xml_parse_in(&tree, &doc, document->str, document->len, DOMAIN_TEXT_LIMIT, false, "test", VIR_FROM_DOMAIN,
                        &error);
    if (root && element_parse(&domain_config_type, &draft, root, 0, &parse) == 0
        && domain_rules_run(&draft, &check) == 0)
        g_free(element_pack(&domain_config_type, &draft, packed));
    *used = arena.used;
    error_clear(&error);
    arena_reset(&arena);
    arena_reset(&tree);
}

static void assert_small(const char *what, const GString *document)
{
    size_t used, packed;

    measure(document, ELEMENT_INACTIVE, &used, &packed);
    g_test_message("%s: %zu bytes, %zu while parsing, %zu in memory", what, document->len, used, packed);
    g_assert_cmpuint(used, <=, MEMORY_AT_MOST * document->len);
    g_assert_cmpuint(packed, <=, MEMORY_AT_MOST * document->len);
}

/* --- claims ------------------------------------------------------------------------------------- */

static const Long *find_list(const char *type, const char *row)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++)
        if (strcmp(lists[i].type, type) == 0 && strcmp(lists[i].row, row) == 0)
            return &lists[i];
    return NULL;
}

/* `seen`: the tables that were looked at. */
static void look_for_lists(const ElementType *type, GHashTable *seen)
{
    if (!g_hash_table_add(seen, (void *)type))
        return;
    for (const ElementRow *row = type->rows; row < type->rows + type->n_rows; row++) {
        const char *name = row->words ? "*" : row->name;

        if (row->place == ROW_LIST && !find_list(type->name, name))
            g_error("the list '%s' of %s has no document here", name, type->name);
        if (row->type)
            look_for_lists(row->type, seen);
    }
}

static void every_list_of_the_tables_has_a_document_here(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    look_for_lists(&domain_config_type, seen);
}

static void try_all(const Long *list, unsigned n, size_t size, void (*claim)(const char *what, const GString *document))
{
    for (; n > 0; n--, list++) {
        g_autofree char *what = g_strdup_printf("%s %s", list->type, list->row);
        g_autoptr(GString) document = document_of(list, size);

        claim(what, document);
    }
}

static void a_long_list_takes_no_more_than_its_length(void)
{
    try_all(lists, G_N_ELEMENTS(lists), document_size(), assert_quick);
}

static void much_of_something_else_takes_no_more_than_its_length(void)
{
    try_all(others, G_N_ELEMENTS(others), document_size(), assert_quick);
}

static void a_long_list_takes_memory_by_its_length(void)
{
    try_all(lists, G_N_ELEMENTS(lists), document_size() / 4, assert_small);
}

static void much_of_something_else_takes_memory_by_its_length(void)
{
    try_all(others, G_N_ELEMENTS(others), document_size() / 4, assert_small);
}

/* As deep as libxml2 lets it be, and the deepest layer with a long list. */
static void layers_below_layers_take_no_more_than_their_length(void)
{
    static const char layer[] = "<backingStore type='file'><format type='raw'/><source file='/a'/>";
    g_autoptr(GString) before = g_string_new(OS "<devices><disk><source file='/a'/><target dev='vda'/>");
    g_autoptr(GString) behind = g_string_new(NULL);
    g_autoptr(GString) document = NULL;
    Long deepest = { "layers", "", NULL, "<host name='h#'/>", NULL, 0 };

    for (unsigned i = 0; i < LAYERS; i++) {
        g_string_append(before, layer);
        g_string_append(behind, "</backingStore>");
    }
    g_string_append(before, "<backingStore type='network'><format type='raw'/><source protocol='rbd' name='a/b'>");
    g_string_prepend(behind, "</source></backingStore>");
    g_string_append(behind, "</disk></devices>");
    deepest.before = before->str;
    deepest.behind = behind->str;
    document = document_of(&deepest, document_size());
    assert_quick("layers", document);
    assert_small("layers", document);
}

static void a_device_more_takes_no_more_than_the_length_of_the_list(void)
{
    static const char device[] = "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>";
    static const DeviceChange changes[] = { DEVICE_ATTACH, DEVICE_UPDATE, DEVICE_DETACH };
    const Long *list = find_list("Devices", "interface");
    g_autoptr(GString) document = document_of(list, document_size());
    g_autoptr(DomainConfig) config = domain_config_parse(document->str, document->len, &rules, 0, NULL);
    double start = seconds();
    Error error = ERROR_INIT;

    g_assert_nonnull(config);
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(DomainConfig) copy = config;

        config = domain_config_copy(copy);
        domain_config_change_device(config, changes[i], device, strlen(device), &rules, 0, &error);
        g_assert_cmpstr(error.message, ==, NULL);
    }
    g_assert_cmpfloat(seconds() - start, <, SECONDS_AT_MOST);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CLAIM(claim) g_test_add_func("/limits/" #claim, claim)
    CLAIM(every_list_of_the_tables_has_a_document_here);
    CLAIM(a_long_list_takes_no_more_than_its_length);
    CLAIM(much_of_something_else_takes_no_more_than_its_length);
    CLAIM(a_long_list_takes_memory_by_its_length);
    CLAIM(much_of_something_else_takes_memory_by_its_length);
    CLAIM(layers_below_layers_take_no_more_than_their_length);
    CLAIM(a_device_more_takes_no_more_than_the_length_of_the_list);
    return g_test_run();
}
