/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of trusted platform modules: how many there may be, and what a module of someone else's is reached by.
 * Pure functions of the config: any thread, no lock. */
#include "base/i18n.h"
#include "conf/rules/rules.h"

#define TPMS_MAX 2

static int check_external(const TpmSource *source, DomainCheck *check)
{
    if (source->type != CHAR_TYPE_UNIX)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("A TPM backend of type='external' has a source of type='%s', it can only have 'unix'"),
                           element_word(&char_type_words, source->type));
    if (!source->path)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The source of a TPM backend of type='external' lacks the attribute 'path'"));
    if (source->mode != CHAR_MODE_CONNECT)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("The source of a TPM backend of type='external' has mode='%s', it can only have "
                             "'connect'"), element_word(&char_mode_words, source->mode));
    return 0;
}

static int check_banks(const TpmBackend *backend, DomainCheck *check)
{
    const TpmBanks *banks = backend->active_pcr_banks;

    if (banks && (banks->sha1 || banks->sha256 || banks->sha384 || banks->sha512)
        && backend->version != TPM_VERSION_2_0)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("A TPM backend with an <active_pcr_banks> needs the attribute version='2.0'"));
    return 0;
}

int rule_tpm_check(DomainConfig *config, DomainCheck *check)
{
    const Devices *devices = &config->devices;

    if (devices->n_tpms > TPMS_MAX)
        return domain_fail(check, VIR_ERR_XML_ERROR,
                           _("There are %u <tpm>: there may be one, and a second of model='spapr-tpm-proxy'"),
                           devices->n_tpms);
    for (unsigned i = 0; i < devices->n_tpms; i++) {
        const TpmBackend *backend = &devices->tpms[i]->backend;

        if (check_banks(backend, check) < 0 || (backend->source && check_external(backend->source, check) < 0))
            return -1;
    }
    return 0;
}
