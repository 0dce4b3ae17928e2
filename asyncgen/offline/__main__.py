"""`python -m asyncgen.offline`: the engine as a process, with the flags of `asyncgen serve`."""

import argparse
import sys

from asyncgen.errors import FatalError
from asyncgen.offline.command import add_serve_arguments, serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m asyncgen.offline", description=__doc__)
    add_serve_arguments(parser)
    try:
        return serve(parser.parse_args())
    except FatalError as error:
        print(error, file=sys.stderr)  # noqa: T201 - one sentence is all a person needs
        return error.exit_status


if __name__ == "__main__":
    raise SystemExit(main())
