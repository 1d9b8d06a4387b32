/* Drops privileges: groups, group, user, in this order, since each takes the right to do the one before. */

#define _DEFAULT_SOURCE

#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(char *wrong, size_t size, const char *what, const char *name, int error)
{
    snprintf(wrong, size, "%s %s: %s", what, name, error != 0 ? strerror(error) : "there is none");
    return false;
}

bool privileges_drop(const struct config *config, char *wrong, size_t wrong_size)
{
    const struct passwd *user = NULL;
    const struct group *group = NULL;
    uid_t uid = getuid();
    gid_t gid = getgid();

    umask(config->umask);
    errno = 0;
    if (config->user[0] != '\0' && (user = getpwnam(config->user)) == NULL)
        return fail(wrong, wrong_size, "user", config->user, errno);
    if (user != NULL) {
        uid = user->pw_uid;
        gid = user->pw_gid;
    }
    if (config->group[0] != '\0' && (group = getgrnam(config->group)) == NULL)
        return fail(wrong, wrong_size, "group", config->group, errno);
    if (group != NULL)
        gid = group->gr_gid;
    if (user == NULL && group == NULL)
        return true;
    /* Somebody else started it as that user already. */
    if (geteuid() != 0 && uid == geteuid() && gid == getegid())
        return true;
    /* The user's own group stays beside another one: maps are often readable by it alone. */
    if ((user != NULL ? initgroups(config->user, user->pw_gid) : setgroups(1, &gid)) != 0 || setgid(gid) != 0)
        return fail(wrong, wrong_size, "group", config->group, errno);
    if (setuid(uid) != 0)
        return fail(wrong, wrong_size, "user", config->user, errno);
    /* A way back is as bad as never having left. */
    if (getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid ||
        (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)))
        return fail(wrong, wrong_size, "user", config->user, EPERM);
    return true;
}
