/* Answers GET with the counters, for Prometheus. */

#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>

/* Starts the thread that answers on a listening socket. Returns whether it could. */
bool http_start(int fd);

#endif
