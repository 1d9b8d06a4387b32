"""The `readdress` command: the same code as the Rust one, run inside Python."""

from __future__ import annotations

import signal
import sys

from readdress._readdress import _run_command


def main() -> int:
    """Runs the command line of this process and returns its exit code.

    The command writes to the process's own streams, past Python's buffers. While it runs, Ctrl-C
    ends the process at once: Python's handler would wait until the command is done. A process that
    was told to ignore it, as shells tell their background jobs, goes on ignoring it.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    # With `python -m`, the first argument is a file's name.
    arguments = ["readdress", *sys.argv[1:]]
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return _run_command(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return _run_command(arguments)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
