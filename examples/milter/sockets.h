/* Sockets to listen on: what libmilter leaves to its caller, and the one for the counters. */

#ifndef SOCKETS_H
#define SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room for a socket of this name: removes one that an earlier run left behind. Not what is no socket,
 * nor one that somebody listens on. Names that are no "unix:" are left alone. Returns whether there is room. */
bool socket_clear(const char *name, char *wrong, size_t wrong_size);

/* Removes the socket of a name that is "unix:". */
void socket_remove(const char *name);

/* Listens. Returns the descriptor; -1, and what is wrong, on failure. */
int socket_listen(const char *name, char *wrong, size_t wrong_size);

#endif
