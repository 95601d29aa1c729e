/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of keys: read from files as a whole, checked, and exchanged for the next set while clients come.
 * tls_new and tls_reload run on threads that may wait for a disk; tls_keys on those that accept connections. Takes
 * LOCK_TLS_KEYS around the pointer alone. */
#include "rpc/tls-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/durable.h"
#include "base/i18n.h"
#include "base/lock.h"

/* What is taken away from the system's default, where that still has it. */
#define NO_OLD_VERSIONS "-VERS-TLS1.1:-VERS-TLS1.0"

#define FILE_MOST ((size_t)16 << 20)    /* lists of revoked certificates grow */

struct Tls {
    /* fixed */
    gnutls_datum_t ticket_key;
    /* under LOCK_TLS_KEYS */
    Lock lock;
    TlsSettings *settings;    /* immutable; shared by g_rc_box with those that read the files */
    TlsKeys *keys;            /* published: immutable but for its count */
    unsigned taken, refused;
};

/* --- files --------------------------------------------------------------------------------------- */

static void files_clear(TlsFiles *files)
{
    if (files->key.data)
        gnutls_memset(files->key.data, 0, files->key.size);
    g_free(files->key.data);
    g_free(files->cert.data);
    g_free(files->ca.data);
    g_free(files->crl.data);
    *files = (TlsFiles){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TlsFiles, files_clear)

static int read_file(const char *path, gnutls_datum_t *into, Error *error)
{
    Error reason = ERROR_INIT;
    size_t size = 0;

    into->data = (unsigned char *)durable_read(AT_FDCWD, path, FILE_MOST, &size, &reason);
    into->size = (unsigned)size;
    if (into->data)
        return 0;
    if (reason.int1 > 0)
        error_set_errno(error, VIR_FROM_RPC, reason.int1, _("cannot read the file '%s' for TLS"), path);
    else
        error_move(error, &reason);
    error_clear(&reason);
    return -1;
}

static int read_files(const TlsSettings *settings, TlsFiles *files, Error *error)
{
    if (read_file(settings->key_file, &files->key, error) < 0 || read_file(settings->cert_file, &files->cert, error) < 0
        || read_file(settings->ca_file, &files->ca, error) < 0)
        return -1;
    return settings->crl_file ? read_file(settings->crl_file, &files->crl, error) : 0;
}

/* --- one set ------------------------------------------------------------------------------------- */

void tls_keys_unref(TlsKeys *keys)
{
    if (!keys || __atomic_sub_fetch(&keys->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (keys->credentials)
        gnutls_certificate_free_credentials(keys->credentials);
    if (keys->priority)
        gnutls_priority_deinit(keys->priority);
    if (keys->ticket_key.data)
        gnutls_memset(keys->ticket_key.data, 0, keys->ticket_key.size);
    g_free(keys->ticket_key.data);
    g_strfreev(keys->allowed_dns);
    g_free(keys);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsKeys, tls_keys_unref)

static int refuse_file(const char *path, int r, Error *error)
{
    return error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG, _("the file '%s' is of no use for TLS: %s"), path,
                     gnutls_strerror(r));
}

static int use_files(TlsKeys *keys, const TlsSettings *settings, const TlsFiles *files, Error *error)
{
    gnutls_certificate_credentials_t credentials = keys->credentials;
    int r = gnutls_certificate_set_x509_trust_mem(credentials, &files->ca, GNUTLS_X509_FMT_PEM);

    if (r <= 0)
        return refuse_file(settings->ca_file, r < 0 ? r : GNUTLS_E_NO_CERTIFICATE_FOUND, error);
    if (files->crl.data) {
        r = gnutls_certificate_set_x509_crl_mem(credentials, &files->crl, GNUTLS_X509_FMT_PEM);
        if (r < 0)
            return refuse_file(settings->crl_file, r, error);
    }
    r = gnutls_certificate_set_x509_key_mem2(credentials, &files->cert, &files->key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG,
                         _("the key in '%s' doesn't belong to the certificate in '%s'"), settings->key_file,
                         settings->cert_file);
    if (r < 0)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG,
                         _("the certificate '%s' and its key '%s' are of no use for TLS: %s"), settings->cert_file,
                         settings->key_file, gnutls_strerror(r));
    return 0;
}

static int use_priority(TlsKeys *keys, const TlsSettings *settings, Error *error)
{
    const char *at = NULL;
    int r = settings->priority
        ? gnutls_priority_init(&keys->priority, settings->priority, &at)
        : gnutls_priority_init2(&keys->priority, NO_OLD_VERSIONS, &at, GNUTLS_PRIORITY_INIT_DEF_APPEND);

    if (r < 0)
        return error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG, _("tls_priority is not understood from '%s' on"),
                         at ? at : "");
    return 0;
}

static TlsKeys *keys_new(const Tls *tls, const TlsSettings *settings, Error *error)
{
    g_autoptr(TlsKeys) keys = g_new0(TlsKeys, 1);
    g_auto(TlsFiles) files = { 0 };

    keys->refs = 1;
    keys->no_verify = settings->no_verify;
    keys->allowed_dns = g_strdupv(settings->allowed_dns);
    keys->ticket_key.data = g_memdup2(tls->ticket_key.data, tls->ticket_key.size);
    keys->ticket_key.size = tls->ticket_key.size;
    if (gnutls_certificate_allocate_credentials(&keys->credentials) < 0)
        g_error("out of memory");
    if (use_priority(keys, settings, error) < 0 || read_files(settings, &files, error) < 0)
        return NULL;
    if (use_files(keys, settings, &files, error) < 0)
        return NULL;
    if (tls_check_own(settings, &files, !settings->no_sanity, &keys->expires, error) < 0)
        return NULL;
    return g_steal_pointer(&keys);
}

/* --- the set in use -------------------------------------------------------------------------------- */

static TlsSettings *settings_new(const TlsSettings *from)
{
    TlsSettings *settings = g_atomic_rc_box_new(TlsSettings);

    *settings = (TlsSettings){
        .key_file = g_strdup(from->key_file), .cert_file = g_strdup(from->cert_file),
        .ca_file = g_strdup(from->ca_file), .crl_file = g_strdup(from->crl_file),
        .priority = g_strdup(from->priority), .allowed_dns = g_strdupv(from->allowed_dns),
        .no_verify = from->no_verify, .no_sanity = from->no_sanity,
    };
    return settings;
}

static void settings_clear(void *data)
{
    TlsSettings *settings = data;

    g_free(settings->key_file);
    g_free(settings->cert_file);
    g_free(settings->ca_file);
    g_free(settings->crl_file);
    g_free(settings->priority);
    g_strfreev(settings->allowed_dns);
}

static void settings_unref(TlsSettings *settings)
{
    if (settings)
        g_atomic_rc_box_release_full(settings, settings_clear);
}

Tls *tls_new(const TlsSettings *settings, Error *error)
{
    g_autoptr(Tls) tls = g_new0(Tls, 1);

    lock_init(&tls->lock, LOCK_TLS_KEYS);
    tls->settings = settings_new(settings);
    if (gnutls_session_ticket_key_generate(&tls->ticket_key) < 0) {
        error_set(error, VIR_FROM_RPC, VIR_ERR_INTERNAL_ERROR, _("cannot make a key for the sessions of TLS"));
        return NULL;
    }
    tls->keys = keys_new(tls, tls->settings, error);
    return tls->keys ? g_steal_pointer(&tls) : NULL;
}

void tls_free(Tls *tls)
{
    if (!tls)
        return;
    settings_unref(tls->settings);
    tls_keys_unref(tls->keys);
    if (tls->ticket_key.data)
        gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
    gnutls_free(tls->ticket_key.data);
    lock_deinit(&tls->lock);
    g_free(tls);
}

TlsKeys *tls_keys(Tls *tls)
{
    LOCK_SCOPE(&tls->lock);
    __atomic_add_fetch(&tls->keys->refs, 1, __ATOMIC_RELAXED);
    return tls->keys;
}

/* Reads the files of `settings` and puts them into use with the keys; `from`, when it isn't NULL, must be in use until then.
 * 1: done; 0: others came meanwhile; -1 and an error. */
static int take(Tls *tls, TlsSettings *settings, const TlsSettings *from, Error *error)
{
    TlsKeys *keys = keys_new(tls, settings, error), *former = keys;
    int r = -1;

    lock_acquire(&tls->lock);
    if (!keys) {
        tls->refused++;
    } else if (from && from != tls->settings) {
        r = 0;
    } else {
        former = tls->keys;
        tls->keys = keys;
        tls->settings = settings;
        tls->taken++;
        r = 1;
    }
    lock_release(&tls->lock);
    tls_keys_unref(former);
    return r;
}

int tls_reload(Tls *tls, Error *error)
{
    int r;

    do {
        TlsSettings *settings;

        lock_acquire(&tls->lock);
        settings = g_atomic_rc_box_acquire(tls->settings);
        lock_release(&tls->lock);
        r = take(tls, settings, settings, error);
        settings_unref(settings);
    } while (r == 0);
    return r < 0 ? -1 : 0;
}

int tls_set(Tls *tls, const TlsSettings *settings, Error *error)
{
    TlsSettings *new = settings_new(settings), *before = NULL;
    int r;

    lock_acquire(&tls->lock);
    before = g_atomic_rc_box_acquire(tls->settings);
    lock_release(&tls->lock);
    r = take(tls, new, NULL, error);
    if (r > 0)
        settings_unref(before);    /* that of the Tls */
    else
        settings_unref(new);
    settings_unref(before);
    return r < 0 ? -1 : 0;
}

int64_t tls_expires(Tls *tls)
{
    LOCK_SCOPE(&tls->lock);
    return tls->keys->expires;
}

void tls_counts(Tls *tls, unsigned *taken, unsigned *refused)
{
    LOCK_SCOPE(&tls->lock);
    *taken = tls->taken;
    *refused = tls->refused;
}
