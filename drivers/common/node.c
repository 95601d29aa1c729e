/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every driver of a local hypervisor answers in the same way about the host itself.
 * Asks the kernel only: no name is resolved, so nothing here waits for a network. */
#include "drivers/common/common.h"

#include <errno.h>
#include <unistd.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

int common_connect_get_hostname(Op *op, RemoteConnectGetHostnameResult *result)
{
    enum { SIZE = 256 };
    char *name = arena_zalloc(op->arena, SIZE);

    if (gethostname(name, SIZE - 1) < 0)
        return error_set_errno(op->error, op->host->error_domain, errno, _("the name of this host can't be read"));
    result->hostname = name;
    return 0;
}

int common_connect_is_secure(Op *op, RemoteConnectIsSecureResult *result)
{
    result->secure = 1;
    return 0;
}
