/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saved domains: what is written before a guest's state, and how far it is trusted when it is read. A file is bounded
 * and held against its checksums before the document in it is parsed. Any thread that may wait for a disk; no lock, no
 * state of its own. Never reads a state but for its checksum: what is in it is the driver's. */
#include "conf/save-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/durable.h"
#include "base/i18n.h"
#include "base/lock.h"
#include "conf/config-private.h"

#define FROM VIR_FROM_DOMAIN
#define VERSION 3
#define VERSION_CRC 2    /* the state has a CRC-32 in the place of the sum */
#define DIGEST_SIZE 32

static const char magic[8] = "DROVERSV";

typedef enum Flags {
    FLAG_COMPLETE = 1 << 0,
    FLAG_RUNNING = 1 << 1,
    FLAG_STATE_CHECKED = 1 << 2,
} Flags;

/* As it stands in the file; the numbers are little endian there. */
typedef struct Header {
    char magic[8];
    uint32_t version;
    uint32_t flags;
    char driver[SAVE_IMAGE_DRIVER_MAX + 1];
    uint64_t document_size;
    uint64_t state_offset;
    uint64_t state_size;
    uint64_t state_sum;
    uint8_t digest[DIGEST_SIZE];
} Header;

G_STATIC_ASSERT(sizeof(Header) == 96);
G_STATIC_ASSERT(G_STRUCT_OFFSET(Header, digest) == 64);

/* A file whose header and document have been read and are what was written. */
typedef struct Loaded {
    Header header;       /* the numbers in the machine's order */
    char *document;      /* owned, with a NUL behind it */
    int fd;              /* owned */
    struct stat found;
} Loaded;

static void loaded_clear(Loaded *loaded)
{
    g_free(loaded->document);
    if (loaded->fd >= 0)
        close(loaded->fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Loaded, loaded_clear)

/* --- header ---------------------------------------------------------------------------------- */

static void swap_numbers(Header *header)
{
    header->version = GUINT32_TO_LE(header->version);
    header->flags = GUINT32_TO_LE(header->flags);
    header->document_size = GUINT64_TO_LE(header->document_size);
    header->state_offset = GUINT64_TO_LE(header->state_offset);
    header->state_size = GUINT64_TO_LE(header->state_size);
    header->state_sum = GUINT64_TO_LE(header->state_sum);
}

/* Of the header as it stands in the file, and the document. */
static void digest_of(const Header *header, const char *document, size_t size, uint8_t digest[DIGEST_SIZE])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize length = DIGEST_SIZE;

    g_checksum_update(sum, (const guchar *)header, G_STRUCT_OFFSET(Header, digest));
    g_checksum_update(sum, (const guchar *)document, (gssize)size);
    g_checksum_get_digest(sum, digest, &length);
}

/* Puts the numbers in the order of files and adds the checksum. */
static void seal(Header *header, const char *document)
{
    size_t size = header->document_size;

    swap_numbers(header);
    digest_of(header, document, size, header->digest);
}

/* --- files ----------------------------------------------------------------------------------- */

static int fail_file(Error *error, const char *path)
{
    return error_set_errno(error, FROM, errno, _("cannot access the image of a saved domain in '%s'"), path);
}

static int write_at(int fd, const void *data, size_t size, uint64_t offset)
{
    for (const char *at = data; size > 0;) {
        ssize_t n = pwrite(fd, at, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* How many bytes there were, or -1. */
static ssize_t read_at(int fd, void *data, size_t size, uint64_t offset)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n = pread(fd, (char *)data + got, size - got, (off_t)(offset + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* --- write ----------------------------------------------------------------------------------- */

static char *document_of(const DomainConfig *config)
{
    return domain_config_format(config, -1, DOMAIN_FORMAT_SECURE | DOMAIN_FORMAT_INACTIVE);
}

/* Header and document; leaves `fd` behind them. */
static int write_head(int fd, const char *path, Header *header, const char *document, Error *error)
{
    size_t size = header->document_size;
    uint64_t end = header->state_offset;

    seal(header, document);
    if (write_at(fd, header, sizeof *header, 0) < 0 || write_at(fd, document, size, sizeof *header) < 0
        || lseek(fd, (off_t)end, SEEK_SET) < 0)
        return fail_file(error, path);
    return 0;
}

int save_image_begin(int fd, const char *path, const char *driver, const DomainConfig *config, bool running,
                     Error *error)
{
    g_autofree char *document = document_of(config);
    Header header = { .version = VERSION, .flags = running ? FLAG_RUNNING : 0, .document_size = strlen(document) };

    lock_assert_none();
    g_assert(strlen(driver) <= SAVE_IMAGE_DRIVER_MAX);
    memcpy(header.magic, magic, sizeof magic);
    memcpy(header.driver, driver, strlen(driver));
    header.state_offset = sizeof header + header.document_size;
    return write_head(fd, path, &header, document, error);
}

/* --- read ------------------------------------------------------------------------------------ */

static int refuse(Error *error, const char *path, const char *why)
{
    return error_set(error, FROM, VIR_ERR_OPERATION_FAILED, _("'%s' can't be used as the image of a saved domain: %s"),
                     path,
                     why);
}

static int read_header(Loaded *loaded, const char *path, Error *error)
{
    Header *header = &loaded->header;
    ssize_t n = read_at(loaded->fd, header, sizeof *header, 0);

    if (n < 0)
        return fail_file(error, path);
    if (n < (ssize_t)sizeof *header || memcmp(header->magic, magic, sizeof magic) != 0)
        return refuse(error, path, _("it is none of drover's"));
    swap_numbers(header);
    if (header->version != VERSION && header->version != VERSION_CRC)
        return refuse(error, path, _("it was written by another version of drover"));
    if (header->document_size > DOMAIN_STORED_TEXT_LIMIT
        || header->state_offset != sizeof *header + header->document_size
        || header->driver[SAVE_IMAGE_DRIVER_MAX] != '\0')
        return refuse(error, path, _("its header was altered"));
    return 0;
}

static int read_document(Loaded *loaded, const char *path, Error *error)
{
    size_t size = loaded->header.document_size;
    uint8_t digest[DIGEST_SIZE];
    Header sealed = loaded->header;
    ssize_t n;

    loaded->document = g_malloc0(size + 1);
    n = read_at(loaded->fd, loaded->document, size, sizeof sealed);
    if (n < 0)
        return fail_file(error, path);
    if ((size_t)n < size)
        return refuse(error, path, _("its end is missing"));
    swap_numbers(&sealed);
    digest_of(&sealed, loaded->document, size, digest);
    if (memcmp(digest, sealed.digest, sizeof digest) != 0)
        return refuse(error, path, _("its header or document was altered"));
    return 0;
}

/* Of the state that is there, as the image's version has it; -1 and errno. */
static int sum_of(const Loaded *loaded, uint64_t *value)
{
    const Header *header = &loaded->header;
    StateSum sum = { 0 };
    uint32_t crc = 0;

    if (header->version == VERSION_CRC) {
        if (state_sum_crc(loaded->fd, header->state_offset, header->state_size, &crc) < 0)
            return -1;
        *value = crc;
        return 0;
    }
    if (state_sum_add(&sum, loaded->fd, header->state_offset, header->state_size) < 0)
        return -1;
    *value = sum.value;
    return 0;
}

/* On a device there may be more behind it. */
static int check_state(const Loaded *loaded, const char *path, Error *error)
{
    const Header *header = &loaded->header;
    bool file = S_ISREG(loaded->found.st_mode);
    uint64_t have = file ? (uint64_t)loaded->found.st_size : (uint64_t)lseek(loaded->fd, 0, SEEK_END);
    uint64_t sum;

    if (!(header->flags & FLAG_COMPLETE))
        return refuse(error, path, _("it was never finished"));
    if (have < header->state_offset || have - header->state_offset < header->state_size)
        return refuse(error, path, _("its end is missing"));
    if (file && have - header->state_offset != header->state_size)
        return refuse(error, path, _("something was added at its end"));
    if (!(header->flags & FLAG_STATE_CHECKED))
        return 0;
    if (sum_of(loaded, &sum) < 0)
        return fail_file(error, path);
    if (sum != header->state_sum)
        return refuse(error, path, _("the guest's state was altered"));
    return 0;
}

/* `fd` is taken over. Header and document are whole and were not altered. */
static int load_head(int fd, const char *path, Loaded *loaded, Error *error)
{
    lock_assert_none();
    loaded->fd = fd;
    if (fd < 0 || fstat(fd, &loaded->found) < 0)
        return fail_file(error, path);
    if (!S_ISREG(loaded->found.st_mode) && !S_ISBLK(loaded->found.st_mode))
        return refuse(error, path, _("it is no file"));
    if (read_header(loaded, path, error) < 0 || read_document(loaded, path, error) < 0)
        return -1;
    return 0;
}

static int load(const char *path, const char *driver, Loaded *loaded, Error *error)
{
    if (load_head(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), path, loaded, error) < 0)
        return -1;
    if (strcmp(loaded->header.driver, driver) != 0)
        return error_set(error, FROM, VIR_ERR_OPERATION_FAILED,
                         _("'%s' is the image of a domain that the driver '%s' saved, not '%s'"), path,
                         loaded->header.driver, driver);
    return check_state(loaded, path, error);
}

/* The rest of the state is summed while the disk takes what it has not got yet. */
static int sum_state(int fd, const StateSum *begun, Header *header)
{
    StateSum sum = *begun;

    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (sum.size > header->state_size) {
        errno = EIO;
        return -1;
    }
    if (state_sum_add(&sum, fd, header->state_offset + sum.size, header->state_size - sum.size) < 0)
        return -1;
    header->state_sum = sum.value;
    return 0;
}

int save_image_finish(int fd, const char *path, const StateSum *sum, Error *error)
{
    g_auto(Loaded) loaded = { .fd = -1 };
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    Header *header = &loaded.header;
    off_t end;

    if (load_head(own, path, &loaded, error) < 0)
        return -1;
    end = lseek(fd, 0, S_ISREG(loaded.found.st_mode) ? SEEK_END : SEEK_CUR);
    /* Without a checksum nothing but the order on the disk tells that a complete image has its state. */
    if (end < 0 || (!sum && fdatasync(fd) < 0))
        return fail_file(error, path);
    if ((uint64_t)end < header->state_offset)
        return refuse(error, path, _("its end is missing"));
    header->state_size = (uint64_t)end - header->state_offset;
    header->flags |= FLAG_COMPLETE | (sum ? FLAG_STATE_CHECKED : 0);
    if (sum && sum_state(fd, sum, header) < 0)
        return fail_file(error, path);
    if (write_head(fd, path, header, loaded.document, error) < 0)
        return -1;
    if (fsync(fd) < 0)
        return fail_file(error, path);
    return 0;
}

/* --- open ------------------------------------------------------------------------------------ */

static DomainConfig *config_of(const Loaded *loaded, const struct DomainRules *rules, Error *error)
{
    return domain_config_parse(loaded->document, loaded->header.document_size, rules, DOMAIN_PARSE_STORED, error);
}

int save_image_open(const char *path, const char *driver, const struct DomainRules *rules, SaveImage *image,
                    Error *error)
{
    g_auto(Loaded) loaded = { .fd = -1 };
    DomainConfig *config;

    if (load(path, driver, &loaded, error) < 0)
        return -1;
    if (lseek(loaded.fd, (off_t)loaded.header.state_offset, SEEK_SET) < 0)
        return fail_file(error, path);
    config = config_of(&loaded, rules, error);
    if (!config)
        return -1;
    *image = (SaveImage){
        .config = config,
        .running = loaded.header.flags & FLAG_RUNNING,
        .fd = loaded.fd,
        .state_offset = loaded.header.state_offset,
        .state_size = loaded.header.state_size,
    };
    loaded.fd = -1;
    return 0;
}

void save_image_clear(SaveImage *image)
{
    domain_config_unref(image->config);
    if (image->fd >= 0)
        close(image->fd);
    *image = (SaveImage)SAVE_IMAGE_INIT;
}

/* --- replace --------------------------------------------------------------------------------- */

/* The document that the image will have; NULL and an error. */
static char *replacement(const Loaded *loaded, const struct DomainRules *rules, const char *document, size_t size,
                         Error *error)
{
    g_autoptr(DomainConfig) from = config_of(loaded, rules, error);
    g_autoptr(DomainConfig) to = NULL;

    if (!from)
        return NULL;
    if (!document)
        return document_of(from);
    to = domain_config_parse(document, size, rules, 0, error);
    if (!to || domain_config_check_abi(from, to, error) < 0)
        return NULL;
    return document_of(to);
}

/* From where `from` has its state to where `to` is. The kernel copies, without the bytes on file systems that can
 * share them. */
static int copy_state(const Loaded *from, int to)
{
    off_t at = (off_t)from->header.state_offset;
    uint64_t left = from->header.state_size;
    g_autofree char *some = NULL;

    while (left > 0) {
        ssize_t n = copy_file_range(from->fd, &at, to, NULL, (size_t)MIN(left, 1 << 30), 0);

        if (n < 0 && errno != EXDEV && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
            return -1;
        if (n <= 0)
            break;
        left -= (uint64_t)n;
    }
    while (left > 0) {    /* what the kernel wouldn't */
        off_t end = lseek(to, 0, SEEK_CUR);
        ssize_t n;

        some = some ? some : g_malloc(1 << 20);
        n = read_at(from->fd, some, (size_t)MIN(left, 1 << 20), (uint64_t)at);
        if (n == 0)
            errno = EIO;
        if (n <= 0 || write_at(to, some, (size_t)n, (uint64_t)end) < 0 || lseek(to, end + n, SEEK_SET) < 0)
            return -1;
        at += n;
        left -= (uint64_t)n;
    }
    return 0;
}

static int write_anew(int fd, const char *path, const Loaded *from, const char *document, bool running, Error *error)
{
    Header header = from->header;

    header.flags = (header.flags & ~(unsigned)FLAG_RUNNING) | (running ? FLAG_RUNNING : 0);
    header.document_size = strlen(document);
    header.state_offset = sizeof header + header.document_size;
    if (write_head(fd, path, &header, document, error) < 0)
        return -1;
    if (copy_state(from, fd) < 0 || fchown(fd, from->found.st_uid, from->found.st_gid) < 0
        || fchmod(fd, from->found.st_mode & 07777) < 0 || fsync(fd) < 0)
        return fail_file(error, path);
    return 0;
}

static int flush_directory(const char *path, Error *error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    AUTO_FD fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail_file(error, directory);
    return durable_flush_directory(fd, directory, error);
}

/* Written aside, and then in the place of the old one. */
static int swap_in(const char *path, const Loaded *from, const char *document, bool running, Error *error)
{
    g_autofree char *aside = g_strconcat(path, ".new", NULL);
    AUTO_FD fd = -1;

    if (unlink(aside) < 0 && errno != ENOENT)
        return fail_file(error, aside);
    fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(error, aside);
    if (write_anew(fd, aside, from, document, running, error) == 0) {
        if (rename(aside, path) == 0)
            return flush_directory(path, error);
        fail_file(error, path);
    }
    unlink(aside);
    return -1;
}

int save_image_replace(const char *path, const char *driver, const struct DomainRules *rules, const char *document,
                       size_t size, Tristate running, Error *error)
{
    g_auto(Loaded) loaded = { .fd = -1 };
    g_autofree char *text = NULL;
    bool will_run;

    if (load(path, driver, &loaded, error) < 0)
        return -1;
    if (!S_ISREG(loaded.found.st_mode))
        return error_set(error, FROM, VIR_ERR_OPERATION_UNSUPPORTED,
                         _("the image of a saved domain in '%s' can't get another document: it is no regular file"),
                         path);
    text = replacement(&loaded, rules, document, size, error);
    if (!text)
        return -1;
    will_run = running ? running == TRISTATE_YES : loaded.header.flags & FLAG_RUNNING;
    return swap_in(path, &loaded, text, will_run, error);
}
