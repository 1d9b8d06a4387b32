/* Sockets. libmilter can remove a stale one, but does so to a socket in use as well: two milters by mistake,
 * and the first is cut off without noticing. So names are cleared here, and only if nobody answers. */

#define _POSIX_C_SOURCE 200809L

#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, HOST_MAX = 256 };

static bool fail(const char *name, const char *what, char *wrong, size_t size)
{
    snprintf(wrong, size, "%s: %s", name, what);
    return false;
}

static const char *unix_path(const char *name)
{
    return strncmp(name, "unix:", 5) == 0 ? name + 5 : NULL;
}

static bool unix_address(const char *path, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        return false;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return true;
}

/* A descriptor that programs started from here don't get. */
static int open_socket(int family, int protocol)
{
    int fd = socket(family, SOCK_STREAM, protocol);

    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

bool socket_clear(const char *name, char *wrong, size_t wrong_size)
{
    const char *path = unix_path(name);
    struct sockaddr_un address;
    struct stat found;
    int fd, error;

    if (path == NULL)
        return true;
    if (!unix_address(path, &address))
        return fail(name, "too long a path", wrong, wrong_size);
    if (lstat(path, &found) != 0)
        return errno == ENOENT || fail(name, strerror(errno), wrong, wrong_size);
    if (!S_ISSOCK(found.st_mode))
        return fail(name, "there is something that is no socket", wrong, wrong_size);
    fd = open_socket(AF_UNIX, 0);
    if (fd < 0)
        return fail(name, strerror(errno), wrong, wrong_size);
    error = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    if (error != ECONNREFUSED)
        return fail(name, error == 0 ? "somebody is listening there" : strerror(error), wrong, wrong_size);
    return unlink(path) == 0 || fail(name, strerror(errno), wrong, wrong_size);
}

void socket_remove(const char *name)
{
    const char *path = unix_path(name);

    if (path != NULL)
        unlink(path);
}

static int listen_on(const struct sockaddr *address, socklen_t len, int family, int protocol)
{
    int fd = open_socket(family, protocol), on = 1, error;

    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Splits "inet:port@host" and "inet:port@[host]". Without a host it is this one: counters are nobody else's
 * business unless somebody says so. */
static bool split(const char *name, char *host, char *port, size_t size)
{
    const char *begin = strchr(name, ':') + 1, *at = strchr(begin, '@');
    size_t port_len = at == NULL ? strlen(begin) : (size_t)(at - begin), host_len;

    if (port_len == 0 || port_len >= size)
        return false;
    memcpy(port, begin, port_len);
    port[port_len] = '\0';
    if (at == NULL) {
        snprintf(host, size, "%s", strncmp(name, "inet6:", 6) == 0 ? "::1" : "127.0.0.1");
        return true;
    }
    at++;
    host_len = strlen(at);
    if (at[0] == '[' && at[host_len - 1] == ']') {
        at++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= size)
        return false;
    memcpy(host, at, host_len);
    host[host_len] = '\0';
    return true;
}

int socket_listen(const char *name, char *wrong, size_t wrong_size)
{
    const char *path = unix_path(name);
    struct addrinfo hints, *found;
    struct sockaddr_un address;
    char host[HOST_MAX], port[HOST_MAX];
    int fd, error;

    if (path != NULL) {
        if (!socket_clear(name, wrong, wrong_size))
            return -1;
        unix_address(path, &address);
        fd = listen_on((const struct sockaddr *)&address, sizeof address, AF_UNIX, 0);
    } else {
        if (!split(name, host, port, sizeof host)) {
            fail(name, "no port, or no address", wrong, wrong_size);
            return -1;
        }
        memset(&hints, 0, sizeof hints);
        hints.ai_family = strncmp(name, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_PASSIVE;
        error = getaddrinfo(host, port, &hints, &found);
        if (error != 0) {
            fail(name, gai_strerror(error), wrong, wrong_size);
            return -1;
        }
        fd = listen_on(found->ai_addr, found->ai_addrlen, found->ai_family, found->ai_protocol);
        freeaddrinfo(found);
    }
    if (fd < 0)
        fail(name, strerror(errno), wrong, wrong_size);
    return fd;
}
