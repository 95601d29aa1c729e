/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a certificate must be like: our own before it is used, a client's after every handshake.
 * A resumed session brings the certificate that it began with, and that is looked at again as if it were new: it may
 * have been revoked meanwhile. Pure functions over what they are given; any thread, no lock, nothing waits. */
#include "rpc/tls-private.h"

#include <time.h>

#include "base/i18n.h"

/* Certificates of one file. */
typedef struct Chain {
    gnutls_x509_crt_t *certificates;
    unsigned n;
} Chain;

static void chain_clear(Chain *chain)
{
    for (unsigned i = 0; i < chain->n; i++)
        gnutls_x509_crt_deinit(chain->certificates[i]);
    gnutls_free(chain->certificates);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Chain, chain_clear)

static int refuse(const char *path, const char *what, Error *error)
{
    return error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG, _("the certificate '%s' cannot be used: %s"), path, what);
}

static int chain_read(Chain *chain, const gnutls_datum_t *file, const char *path, Error *error)
{
    int r = gnutls_x509_crt_list_import2(&chain->certificates, &chain->n, file, GNUTLS_X509_FMT_PEM, 0);

    return r < 0 ? refuse(path, gnutls_strerror(r), error) : 0;
}

/* --- our own ------------------------------------------------------------------------------------ */

static int check_dates(gnutls_x509_crt_t certificate, const char *path, Error *error)
{
    time_t now = time(NULL);

    if (gnutls_x509_crt_get_expiration_time(certificate) < now)
        return refuse(path, _("it has expired"), error);
    if (gnutls_x509_crt_get_activation_time(certificate) > now)
        return refuse(path, _("it is not valid yet"), error);
    return 0;
}

/* Certificates that say nothing about their purpose serve for all. */
static int check_purpose(gnutls_x509_crt_t certificate, const char *path, Error *error)
{
    unsigned usage = 0, critical = 0;

    if (gnutls_x509_crt_get_basic_constraints(certificate, NULL, NULL, NULL) > 0)
        return refuse(path, _("it is that of an authority, not of a server"), error);
    if (gnutls_x509_crt_get_key_usage(certificate, &usage, &critical) >= 0
        && !(usage & (GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT)))
        return refuse(path, _("its key may not be used for signatures"), error);
    if (!gnutls_x509_crt_check_key_purpose(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0))
        return refuse(path, _("it is not for a server"), error);
    return 0;
}

static int check_authority(gnutls_x509_crt_t certificate, const char *path, Error *error)
{
    unsigned usage = 0, critical = 0;

    if (check_dates(certificate, path, error) < 0)
        return -1;
    if (gnutls_x509_crt_get_version(certificate) >= 3
        && gnutls_x509_crt_get_basic_constraints(certificate, NULL, NULL, NULL) <= 0)
        return refuse(path, _("it is not that of an authority"), error);
    if (gnutls_x509_crt_get_key_usage(certificate, &usage, &critical) >= 0 && !(usage & GNUTLS_KEY_KEY_CERT_SIGN))
        return refuse(path, _("its key may not sign certificates"), error);
    return 0;
}

static int check_signed(const Chain *own, const Chain *authorities, const TlsSettings *settings, Error *error)
{
    unsigned status = 0;
    int r = gnutls_x509_crt_list_verify(own->certificates, (int)own->n, authorities->certificates, (int)authorities->n,
                                        NULL, 0, 0, &status);
    gnutls_datum_t text = { NULL, 0 };

    if (r < 0)
        return refuse(settings->cert_file, gnutls_strerror(r), error);
    if (!status)
        return 0;
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    error_set(error, VIR_FROM_RPC, VIR_ERR_INVALID_ARG, _("the certificate '%s' doesn't fit those of authorities in '%s': %s"),
              settings->cert_file, settings->ca_file, text.data ? (char *)text.data : "");
    gnutls_free(text.data);
    return -1;
}

static int check_all(const Chain *own, const Chain *authorities, const TlsSettings *settings, Error *error)
{
    for (unsigned i = 0; i < own->n; i++)
        if (check_dates(own->certificates[i], settings->cert_file, error) < 0)
            return -1;
    if (check_purpose(own->certificates[0], settings->cert_file, error) < 0)
        return -1;
    for (unsigned i = 0; i < authorities->n; i++)
        if (check_authority(authorities->certificates[i], settings->ca_file, error) < 0)
            return -1;
    return check_signed(own, authorities, settings, error);
}

static int64_t first_end(const Chain *chain, int64_t end)
{
    for (unsigned i = 0; i < chain->n; i++)
        end = MIN(end, (int64_t)gnutls_x509_crt_get_expiration_time(chain->certificates[i]));
    return end;
}

int tls_check_own(const TlsSettings *settings, const TlsFiles *files, bool sane, int64_t *expires, Error *error)
{
    g_auto(Chain) own = { 0 }, authorities = { 0 };

    if (chain_read(&own, &files->cert, settings->cert_file, error) < 0
        || chain_read(&authorities, &files->ca, settings->ca_file, error) < 0)
        return -1;
    if (sane && check_all(&own, &authorities, settings, error) < 0)
        return -1;
    *expires = first_end(&authorities, first_end(&own, G_MAXINT64));
    return 0;
}

/* --- a client's ----------------------------------------------------------------------------------- */

static char *check_verified(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    gnutls_datum_t text = { NULL, 0 };
    unsigned status = 0;
    int r = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    char *reason;

    if (r < 0)
        return g_strdup(gnutls_strerror(r));
    if (!status)
        return NULL;
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    reason = g_strdup(text.data ? (char *)text.data : "");
    gnutls_free(text.data);
    return g_strchomp(reason);
}

/* The name as virt-pki-query-dn prints it, which administrators have in their lists. */
static char *certificate_dn(gnutls_x509_crt_t certificate)
{
    gnutls_datum_t text = { NULL, 0 };
    char *dn;

    if (gnutls_x509_crt_get_dn2(certificate, &text) < 0)
        return NULL;
    dn = g_strndup((char *)text.data, text.size);
    gnutls_free(text.data);
    return dn;
}

static bool dn_is_allowed(const TlsKeys *keys, const char *dn)
{
    if (!keys->allowed_dns)
        return true;
    for (char **pattern = keys->allowed_dns; *pattern; pattern++)
        if (g_pattern_match_simple(*pattern, dn))
            return true;
    return false;
}

/* What the certificate itself says; it has been verified. */
static char *check_leaf(const TlsKeys *keys, const gnutls_datum_t *raw, char **dn)
{
    gnutls_x509_crt_t leaf;
    g_autofree char *name = NULL;
    unsigned usage = 0, critical = 0;
    bool signs;
    int r = gnutls_x509_crt_init(&leaf);

    if (r < 0)
        return g_strdup(gnutls_strerror(r));
    r = gnutls_x509_crt_import(leaf, raw, GNUTLS_X509_FMT_DER);
    if (r >= 0)
        name = certificate_dn(leaf);
    signs = gnutls_x509_crt_get_key_usage(leaf, &usage, &critical) < 0 || !critical
        || usage & GNUTLS_KEY_DIGITAL_SIGNATURE;
    gnutls_x509_crt_deinit(leaf);
    if (!name)
        return g_strdup(_("the certificate has no name that can be read"));
    if (!signs)
        return g_strdup(_("the key may not be used for signatures"));
    if (!dn_is_allowed(keys, name))
        return g_strdup_printf(_("tls_allowed_dn_list does not have '%s'"), name);
    *dn = g_steal_pointer(&name);
    return NULL;
}

char *tls_check_peer(const TlsKeys *keys, gnutls_session_t session, char **dn)
{
    const gnutls_datum_t *chain;
    unsigned n = 0;
    char *reason;

    if (keys->no_verify)
        return NULL;    /* a name that nobody has vouched for is none */
    reason = check_verified(session);
    if (reason)
        return reason;
    chain = gnutls_certificate_type_get(session) == GNUTLS_CRT_X509 ? gnutls_certificate_get_peers(session, &n) : NULL;
    if (!chain || n == 0)
        return g_strdup(_("the client has shown no certificate"));
    return check_leaf(keys, &chain[0], dn);
}
