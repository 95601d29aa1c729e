/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a user may read goes through these: _("…") translates now, N_("…") marks for later. */
#pragma once

#include <libintl.h>

#define DROVER_TEXT_DOMAIN "drover"
#define _(text) dgettext(DROVER_TEXT_DOMAIN, text)
#define N_(text) text
#define ngettext_(one, many, n) dngettext(DROVER_TEXT_DOMAIN, one, many, n)
