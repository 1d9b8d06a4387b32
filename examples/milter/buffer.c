/* Memory that grows by doubling. */

#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 256, ROOM_KEPT = 1 << 18 };

bool buffer_add(struct buffer *buffer, const void *octets, size_t len)
{
    size_t room = buffer->room == 0 ? ROOM_FIRST : buffer->room;
    char *bigger;

    if (len > SIZE_MAX / 4 || buffer->len > SIZE_MAX / 4)
        return false;
    while (room < buffer->len + len + 1)
        room *= 2;
    if (room > buffer->room) {
        bigger = realloc(buffer->octets, room);
        if (bigger == NULL)
            return false;
        buffer->octets = bigger;
        buffer->room = room;
    }
    if (len > 0)
        memcpy(buffer->octets + buffer->len, octets, len);
    buffer->len += len;
    buffer->octets[buffer->len] = '\0';
    return true;
}

bool buffer_add_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->room > ROOM_KEPT)
        buffer_free(buffer);
    buffer->len = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->octets);
    memset(buffer, 0, sizeof *buffer);
}
