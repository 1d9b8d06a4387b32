/* Descriptors 0 to 2. */

#define _POSIX_C_SOURCE 200809L

#include "standard.h"

#include <fcntl.h>
#include <unistd.h>

bool standard_open(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 3);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void standard_detach(bool keeps_error)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    if (!keeps_error)
        dup2(fd, STDERR_FILENO);
    close(fd);
}
