/* Memory that grows. */

#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *octets; /* a NUL stands behind them, if there are any */
    size_t len, room;
};

/* Appends. Returns false without memory; the buffer is as it was then. */
bool buffer_add(struct buffer *buffer, const void *octets, size_t len);
bool buffer_add_text(struct buffer *buffer, const char *text);

/* Forgets what is in it; keeps the memory, unless a message made it very large. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
