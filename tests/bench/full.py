"""The whole bench: every part, in order, into one page; a part that fails is told there, and ends no other."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.bench.contenders import (
    BARE,
    BARE_ASYNCIO,
    BARE_STORE,
    CEILINGS,
    PEERS_OF_OURS,
    RATCHET,
    Contender,
    prepare_field,
)
from tests.bench.lab import describe_machine, open_lab, say
from tests.bench.page import Found, Page
from tests.bench.parts import COMPARED, PARTS
from tests.bench.rounds import explain
from tests.bench.sizes import Sizes

FIELD = (RATCHET, BARE, BARE_ASYNCIO, BARE_STORE, *PEERS_OF_OURS)


def run_all(page: Page, sizes: Sizes, *, parts: Sequence[str], field: Sequence[Contender], command: str) -> int:
    """Run these parts and write the page and its chart after each; answers how many of them could not be run.

    Of the parts that are not asked for the page keeps what they found before.
    """
    failures = 0
    for part in parts:
        say(part)
        told = f"`{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        try:
            page.keep(part, run_part(part, sizes, field, told))
        except Exception as error:
            failures += 1
            say(f"  not run: {explain(error)}")
            page.keep_failure(part, f"{told}: {explain(error)}")
        page.write(PARTS, RATCHET.name, CEILINGS)
    print(page.write(PARTS, RATCHET.name, CEILINGS))
    return failures


def run_part(part: str, sizes: Sizes, field: Sequence[Contender], told: str) -> Found:
    """What it finds on a Postgres of its own; raises what keeps it from being measured."""
    begin, load = time.monotonic(), os.getloadavg()[0]
    found = Found()
    taking_part = field if part in COMPARED else [RATCHET]
    with open_lab() as lab:
        machine = describe_machine(lab)
        prepared, absent = prepare_field(lab, taking_part, sizes.patience)
        PARTS[part](lab, prepared, sizes, found)
    if part in COMPARED:
        left_out = ", ".join(peer.name for peer in FIELD if peer not in field)
        found.not_run += [f"{name}: {why}" for name, why in absent.items()]
        found.not_run += [f"{left_out}: not asked for"] if left_out else []
    versions = [f"{one.contender.name}: {one.contender.version()}" for one in prepared if not one.contender.ours]
    minutes = (time.monotonic() - begin) / 60
    found.told = ". ".join(
        [
            f"{told}, {minutes:.1f} minutes, load average {load:.1f} before and {os.getloadavg()[0]:.1f} after",
            machine,
            *(["; ".join(versions)] if versions else []),
        ]
    )
    return found
