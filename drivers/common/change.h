/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A change of a domain in the right order: what must survive is on the disk first, then it is
 * published, then it is announced. All of it inside a job of the domain; may wait for a disk. */
#pragma once

#include "drivers/driver.h"

/* Where a change starts: what is published and the domain's own documents (pointers are borrowed and
 * good while the job runs); for a domain that was only claimed: shut off, without documents. */
DomainFacts change_facts(Domain *domain);

/* For domain_define and domain_start with a document: -1 and VIR_ERR_OPERATION_FAILED when the domain was given
 * another name between the claim and the job. */
int change_check_claim(Op *op, const DomainConfig *config);

/* For what an operation put into `config` without a document of a client's: -1 and an error (its code is that of a
 * document that can't be accepted) when the document made of it would be refused when the host is opened again. */
int change_check_readable(Op *op, const DomainConfig *config);

/* Makes `facts` true of the domain:
 *  1. when the host keeps its domains: a persistent document that differs from the present one is saved
 *     (under its new name when that differs), a missing one removed, and autostart set or cleared;
 *  2. domain->persistent and ->active are replaced (references are taken);
 *  3. the view is published; or, with neither document left, the domain is removed from the list.
 * 0, or -1 and an error from step 1: then nothing has changed. facts->driver_facts are taken over either way. */
int change_commit(Host *host, Domain *domain, const DomainFacts *facts, Error *error);

/* Steps 2 and 3 alone: for what isn't kept, and for what was just read from the store. */
void change_publish(Domain *domain, const DomainFacts *facts);

/* An event with the domain's published handle; with `handle` where there is none (any more). After change_commit. */
void change_announce(Host *host, Domain *domain, int event, int detail);
void change_announce_handle(Host *host, const RemoteDomain *handle, int event, int detail);
