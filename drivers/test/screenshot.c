/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The screen of a pretended machine: a picture computed while it is read, so that it takes no memory; the
 * colour is the domain's own. The stream's functions run on one thread at a time, on no job, without a lock. */
#include "drivers/test/test.h"

#include <libvirt/libvirt.h>

#include "base/i18n.h"
#include "drivers/common/op.h"

enum { WIDTH = 320, HEIGHT = 200 };

static const char picture_head[] = "P6\n320 200\n255\n";
enum { HEAD_SIZE = sizeof picture_head - 1, PICTURE_SIZE = HEAD_SIZE + WIDTH * HEIGHT * 3 };

typedef struct Screenshot {
    DriverStream stream;
    uint8_t colour[3];        /* fixed */
    size_t at;                /* owned by whoever runs the stream */
} Screenshot;

static Screenshot *screenshot_of(DriverStream *stream)
{
    return (Screenshot *)(void *)((char *)stream - offsetof(Screenshot, stream));
}

/* One byte of the picture: the colour, darker towards the lower right corner. */
static uint8_t picture_byte(const Screenshot *shot, size_t at)
{
    size_t pixel, light;

    if (at < HEAD_SIZE)
        return (uint8_t)picture_head[at];
    pixel = (at - HEAD_SIZE) / 3;
    light = WIDTH + HEIGHT - pixel % WIDTH - pixel / WIDTH;
    return (uint8_t)(shot->colour[(at - HEAD_SIZE) % 3] * light / (WIDTH + HEIGHT));
}

static int64_t screenshot_read(DriverStream *stream, uint8_t *data, size_t size, uint64_t *hole, Error *error)
{
    Screenshot *shot = screenshot_of(stream);
    size_t n = MIN(size, PICTURE_SIZE - shot->at);

    for (size_t i = 0; i < n; i++)
        data[i] = picture_byte(shot, shot->at + i);
    shot->at += n;
    return (int64_t)n;
}

static void screenshot_free(DriverStream *stream)
{
    g_free(screenshot_of(stream));
}

static const DriverStreamOps screenshot_ops = {
    .read = screenshot_read,
    .free = screenshot_free,
};

int test_domain_screenshot(Op *op, const RemoteDomainScreenshotArgs *args, RemoteDomainScreenshotResult *result)
{
    Screenshot *shot;

    if (op_check_flags(op, args->flags, 0) < 0 || op_need_active(op, op->view) < 0)
        return -1;
    if (args->screen > 0)
        return op_fail(op, VIR_ERR_OPERATION_INVALID, _("domain '%s' has no screen %u"), op->view->name, args->screen);
    shot = g_new0(Screenshot, 1);
    shot->stream.ops = &screenshot_ops;
    memcpy(shot->colour, op->view->uuid.bytes, sizeof shot->colour);
    op->stream = &shot->stream;
    result->mime = "image/x-portable-pixmap";
    return 0;
}
