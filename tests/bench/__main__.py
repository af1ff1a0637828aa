"""`python -m tests.bench`: everything, side by side, on one fresh Postgres; writes RESULTS.md and chart.svg.

`--short` is for CI: three minutes, nothing written, and it fails when a ratio has collapsed to half of what
`ratios.json` remembers.
"""

import argparse
import sys

from tests.bench.full import PARTS, Sizes, run_all
from tests.bench.lab import open_lab
from tests.bench.short import run_short


def main() -> int:
    """The command line; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the version for CI")
    parser.add_argument(
        "--remember", action="store_true", help="with --short: write the ratios instead of judging them"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run (default: all)")
    parser.add_argument("--no-peers", action="store_true", help="install and run no peers")
    for name, default in Sizes.defaults().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help="(default: %(default)s)")
    options = parser.parse_args()
    with open_lab() as lab:
        if options.short:
            return run_short(lab, remember=options.remember)
        sizes = Sizes(**{name: getattr(options, name) for name in Sizes.defaults()})
        run_all(lab, sizes, parts=options.only, peers=not options.no_peers, command=" ".join(sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
