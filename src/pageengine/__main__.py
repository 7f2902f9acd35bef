"""The program `pageengine`, and `python -m pageengine`: the command line."""

import sys

from pageengine.plumbing import startup


def main() -> int:
    """Runs the command line as a program; returns the exit status."""
    startup.begin()
    from pageengine import cli

    status = cli.main()
    startup.end()
    return status


if __name__ == "__main__":
    sys.exit(main())
