"""Run one command: ``python -m lstmbench COMMAND``."""

import sys

from lstmbench.commands import main

if __name__ == "__main__":
    sys.exit(main())
