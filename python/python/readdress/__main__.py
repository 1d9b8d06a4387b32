"""`python -m readdress` is the `readdress` command."""

import sys

from readdress._cli import main

if __name__ == "__main__":
    sys.exit(main())
