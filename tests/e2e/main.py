"""Runs the scenarios: python3 tests/e2e/main.py [test_FILE | test_FILE.Class | test_FILE.Class.test]...

Without names all files are run, several side by side: their systems have addresses and folders of their own, and
most of the time they wait. What a file has to say is printed when it is through.

scripts/e2e.sh says what it needs, and sets the environment for it:
READDRESS_E2E_FOLDER, where the systems run; READDRESS and READDRESS_MILTER, the programs under test.
"""

import signal
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenario import Result

HERE = Path(__file__).parent
SIDE_BY_SIDE = 3
# They take longest.
FIRST = ["test_migration_day", "test_faults"]


def main(wanted):
    if not wanted:
        return run_all()
    # So that a test that is told to end stops its systems.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tests = unittest.TestLoader().loadTestsFromNames(wanted)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    return 0 if runner.run(tests).wasSuccessful() else 1


def run_all():
    files = sorted(path.stem for path in HERE.glob("test_*.py"))
    running = []

    def stop(*_):
        for process in running:
            process.terminate()
        sys.exit(143)

    def run(file):
        command = [sys.executable, __file__, file]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        output, _ = process.communicate()
        print(f"{file}\n{output}", flush=True)
        return process.returncode

    signal.signal(signal.SIGTERM, stop)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        codes = list(pool.map(run, FIRST + [file for file in files if file not in FIRST]))
    return 0 if not any(codes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
