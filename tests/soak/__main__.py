"""`python -m tests.soak`, which is `make soak`: faults by lot for as long as you like, and what came of them."""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
from pathlib import Path

from lib.dev.postgres import Server
from tests.soak import broken
from tests.soak.soak import SETTINGS, Failed, shrink, soak


async def run(server: Server, options: argparse.Namespace) -> int:
    """Soak and tell; answers the exit code."""
    try:
        counts = await soak(server, options.seed, options.seconds, build=options.broken)
    except Failed as failed:
        print(f"FAILED with SEED={options.seed}: {failed}\nLooking for the smallest plan that fails …", flush=True)
        print(f"Smallest: {await shrink(server, failed, build=options.broken)}", flush=True)
        return 1
    record = json.dumps({"seed": options.seed, "violations": 0, **counts.to_json()}, indent=2)
    print(record)
    if options.record:
        options.record.write_text(f"{record}\n")
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long, about (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what decides every lot")
    parser.add_argument("--record", type=Path, help="where to keep what came of it, for the README's table")
    parser.add_argument("--broken", choices=broken.BUILDS, help="soak a build that is broken on purpose")
    options = parser.parse_args()
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # it tells of every connection that we cut
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        Server(Path(folder, "data"), durable=False, settings=SETTINGS) as server,
    ):
        return asyncio.run(run(server, options))


if __name__ == "__main__":
    sys.exit(main())
