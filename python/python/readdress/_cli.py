"""The `readdress` command: the same code as the Rust one, run inside Python."""

from __future__ import annotations

import signal
import sys

from readdress._readdress import _run_command


def main() -> int:
    """Runs the command line of this process and returns its exit code.

    The command writes to the process's own streams, past Python's buffers. While it runs, Ctrl-C
    ends the process at once: Python's handler would wait until the command is done.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return _run_command(sys.argv)
    finally:
        signal.signal(signal.SIGINT, before)
