"""`python -m tests.bench`: everything, side by side, each part on a fresh Postgres; writes RESULTS.md and chart.svg.

Whoever dies, hangs or errs is listed there as not run, and the others go on; the exit code is 1 when a whole part
could not be run. `--only` measures some parts again, the others keep what they found. `--short` is for CI: three
minutes, nothing written, and it fails when a ratio has collapsed to half of what `ratios.json` remembers.
"""

import argparse
import shlex
import sys

from tests.bench.full import FIELD, run_all
from tests.bench.lab import open_lab
from tests.bench.page import Page
from tests.bench.parts import PARTS
from tests.bench.short import run_short
from tests.bench.sizes import Sizes

MORE = """
The defaults take about half an hour on two cores. More of it, a part at a time:
  --only backlog --finished 10000000 --due 1000000    ten million finished runs: some minutes, 12 GB of disk
  --only throughput --runs 10000 --patience 900       rounds that the slowest peer needs minutes for
  --only scale-out --processes 8 --scale-runs 20000   1, 2, 4 and 8 processes, with and without 5 ms of distance
  --only long-runs --long-tasks 1000000               a million effects in one run, an hour
"""


def main() -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--short", action="store_true", help="the version for CI")
    parser.add_argument(
        "--remember", action="store_true", help="with --short: write the ratios instead of judging them"
    )
    parser.add_argument(
        "--only",
        nargs="*",
        metavar="PART",
        default=list(PARTS),
        help=f"of {', '.join(PARTS)} (default: all; with none the page is written anew)",
    )
    parser.add_argument("--no-peers", action="store_true", help="install and run no peers")
    for name, default, what in Sizes.describe():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=_count, default=default, metavar="N", help=f"{what} (default: {default})")
    options = parser.parse_args()
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if options.short:
        with open_lab() as lab:
            return run_short(lab, remember=options.remember)
    sizes = Sizes(**{name: getattr(options, name) for name, _, _ in Sizes.describe()})
    field = [one for one in FIELD if one.ours or not options.no_peers]
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    return 1 if run_all(Page(), sizes, parts=options.only, field=field, command=command) else 0


def _count(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
