"""Runs the scenarios: python3 tests/e2e/main.py [-v] [test_FILE | test_FILE.Class | test_FILE.Class.test]...

scripts/e2e.sh says what it needs, and sets the environment for it:
READDRESS_E2E_FOLDER, where the systems run; READDRESS and READDRESS_MILTER, the programs under test.
"""

import signal
import sys
import unittest
from pathlib import Path

from scenario import Result

HERE = Path(__file__).parent


def main(wanted):
    # So that a test that is told to end stops its systems.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    loader = unittest.TestLoader()
    tests = loader.loadTestsFromNames(wanted) if wanted else loader.discover(str(HERE), "test_*.py")
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    return 0 if runner.run(tests).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
