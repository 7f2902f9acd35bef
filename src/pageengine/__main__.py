"""python -m pageengine: the command line."""

import sys

from pageengine.cli import main

if __name__ == "__main__":
    sys.exit(main())
