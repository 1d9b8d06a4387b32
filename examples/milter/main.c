/* readdress-milter: rewrites and routes mail by a map of readdress, for Postfix and Sendmail.
 *
 *     readdress-milter -c FILE [-f] [-t]
 *
 * Two processes. libmilter has a thread of its own that takes SIGHUP, SIGTERM and SIGINT by sigwait(3), and
 * to it all of them mean to stop; a second thread that waits for SIGHUP, to reload, would get it now and then,
 * as it is left open which of the two gets a signal. So signals are this process' own, the supervisor's,
 * whose id operators and service managers know. It does nothing but wait for them, and tells the worker by a
 * pipe: an octet is "reload", its end is "stop", which comes even if the supervisor is killed. The worker has
 * a process group of its own, so that no terminal signals it, and if it dies, the supervisor ends with its
 * exit code: to start anew is the service manager's business. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "privileges.h"
#include "standard.h"
#include "worker.h"

/* A worker that was told to stop and is still there after this has lost its way. */
enum { PATIENCE_SECONDS = 15 };

static struct config config;

static int usage(void)
{
    fprintf(stderr, "usage: readdress-milter -c FILE [-f] [-t]\n"
                    "  -c FILE  the configuration\n"
                    "  -f       stay in the foreground\n"
                    "  -t       test the configuration and the map, and end\n");
    return EX_USAGE;
}

static int fail(int code, const char *what)
{
    fprintf(stderr, "readdress-milter: %s\n", what);
    return code;
}

static bool open_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
}

static void write_pid_file(void)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd = open(config.pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, (size_t)len) != len)
        fprintf(stderr, "readdress-milter: %s: %s\n", config.pid_file, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Waits for an octet. Returns false if the pipe ends without one. */
static bool await(int fd)
{
    char octet;
    ssize_t got;

    do
        got = read(fd, &octet, 1);
    while (got < 0 && errno == EINTR);
    return got == 1;
}

static int exit_code_of(int status)
{
    struct log_line line;

    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    log_begin(&line, NULL, "worker-died");
    log_number(&line, "signal", (unsigned)WTERMSIG(status));
    log_alarm(&line);
    return EX_SOFTWARE;
}

/* Waits for the worker's end, and says whether it came. */
static bool reap(pid_t worker, int options, int *code)
{
    int status;
    pid_t got;

    do
        got = waitpid(worker, &status, options);
    while (got < 0 && errno == EINTR);
    if (got == worker)
        *code = exit_code_of(status);
    return got == worker;
}

/* Hands signals on until the worker has ended. */
static int supervise(pid_t worker, int commands, const sigset_t *signals)
{
    int code = EX_SOFTWARE, signal;
    bool is_stopping = false;

    while (!reap(worker, WNOHANG, &code)) {
        if (sigwait(signals, &signal) != 0)
            continue;
        if (signal == SIGALRM)
            kill(worker, SIGKILL);
        else if (signal == SIGHUP && !is_stopping && write(commands, "r", 1) != 1 && errno != EAGAIN)
            fprintf(stderr, "readdress-milter: %s\n", strerror(errno));
        else if ((signal == SIGTERM || signal == SIGINT) && !is_stopping) {
            is_stopping = true;
            close(commands);
            alarm(PATIENCE_SECONDS);
        }
    }
    return code;
}

/* Starts the worker and stays with it. told: who waits to hear that all is well; -1 for nobody. */
static int run(int told)
{
    int commands[2], ready[2], code = EX_SOFTWARE;
    sigset_t signals, before;
    pid_t worker;

    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGALRM);
    sigprocmask(SIG_BLOCK, &signals, &before);
    signal(SIGPIPE, SIG_IGN);
    if (!open_pipe(commands) || !open_pipe(ready))
        return fail(EX_OSERR, strerror(errno));
    /* A worker that doesn't listen must not stop the supervisor. */
    fcntl(commands[1], F_SETFL, O_NONBLOCK);
    worker = fork();
    if (worker < 0)
        return fail(EX_OSERR, strerror(errno));
    if (worker == 0) {
        setpgid(0, 0);
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(commands[1]);
        close(ready[0]);
        if (told >= 0)
            close(told);
        exit(worker_run(&config, commands[0], ready[1], told >= 0));
    }
    close(commands[0]);
    close(ready[1]);
    if (!await(ready[0])) {
        reap(worker, 0, &code);
        return code == EX_OK ? EX_SOFTWARE : code;
    }
    close(ready[0]);
    if (config.pid_file[0] != '\0')
        write_pid_file();
    if (told >= 0) {
        if (write(told, "r", 1) != 1)
            fprintf(stderr, "readdress-milter: %s\n", strerror(errno));
        close(told);
        standard_detach(!config.to_syslog);
    }
    code = supervise(worker, commands[1], &signals);
    if (config.pid_file[0] != '\0')
        unlink(config.pid_file);
    return code;
}

/* Goes on in the background. The first process waits to see whether mail can be handled. */
static int run_in_background(void)
{
    int told[2], code = EX_SOFTWARE;
    pid_t supervisor;

    if (!open_pipe(told) || (supervisor = fork()) < 0)
        return fail(EX_OSERR, strerror(errno));
    if (supervisor == 0) {
        close(told[0]);
        setsid();
        exit(run(told[1]));
    }
    close(told[1]);
    if (await(told[0]))
        return EX_OK;
    reap(supervisor, 0, &code);
    return code == EX_OK ? EX_SOFTWARE : code;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool is_foreground = false, is_test = false;
    char wrong[2048];
    int option;

    while ((option = getopt(argc, argv, "c:ft")) != -1) {
        if (option == 'c')
            path = optarg;
        else if (option == 'f')
            is_foreground = true;
        else if (option == 't')
            is_test = true;
        else
            return usage();
    }
    if (path == NULL || optind != argc)
        return usage();
    if (!standard_open())
        return EX_OSERR;
    if (!config_read(path, &config, wrong, sizeof wrong))
        return fail(EX_CONFIG, wrong);
    /* Before anything else is opened: what the user may not read, the milter must not need. */
    if (!privileges_drop(&config, wrong, sizeof wrong))
        return fail(EX_NOPERM, wrong);
    if (is_test)
        return worker_test(&config);
    log_open(config.to_syslog, config.facility);
    return is_foreground ? run(-1) : run_in_background();
}
