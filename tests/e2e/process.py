"""A program that a test runs: started as the leader of a process group, ended by its process id.

The id is kept in a file, NAME.process, in the program's folder. So scripts/e2e.sh ends what a killed test
could not end itself.
"""

import os
import signal
import subprocess
import time
from pathlib import Path


def eventually(condition, what, seconds=20):
    """Waits for a condition to hold, and gives what it returned. `what` is said if it does not."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} seconds: {what() if callable(what) else what}")
        time.sleep(0.01)
    return found


class Process:
    """Not running until it is started; it may be ended and started again as often as one likes."""

    def __init__(self, folder, name, command):
        self.name, self.command = name, [str(word) for word in command]
        self.output = Path(folder) / f"{name}.output"
        self._record = Path(folder) / f"{name}.process"
        self._child = None

    def start(self):
        assert not self.runs(), f"{self.name} runs already"
        with open(self.output, "ab") as output:
            self._child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._record.write_text(str(self._child.pid))

    @property
    def pid(self):
        return self._child.pid

    def runs(self):
        return self._child is not None and self._child.poll() is None

    def log(self):
        """All that it printed, over all its runs."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def signal(self, number):
        if self.runs():
            self._child.send_signal(number)

    def stop(self, seconds=10):
        """Tells it to end, and waits for that; what does not listen is killed with its children."""
        self.signal(signal.SIGTERM)
        self.wait(seconds)

    def kill(self):
        """`kill -9`, without a word before."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, seconds):
        if self._child is None:
            return
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(10)
        self._record.unlink(missing_ok=True)
