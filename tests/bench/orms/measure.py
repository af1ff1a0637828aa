"""One way to speak to Postgres, measured in its own process: `measure.py <way> <url>` prints one line of JSON.

Every way reads the same table: one row by its key, and the newest hundred. Only the chosen way is imported.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

GETS, LISTS = 400, 100


async def time_each(count: int, query: Callable[[int], Awaitable[object]]) -> float:
    """Median microseconds of one query."""
    found = []
    for number in range(count):
        begin = time.perf_counter()
        await query(number % 1000 + 1)
        found.append((time.perf_counter() - begin) * 1e6)
    return median(found)


async def measure(way: str, url: str) -> dict[str, float]:
    """Import, connect, first query, then the two queries again and again."""
    begin = time.perf_counter()
    module = importlib.import_module(way)
    imported = time.perf_counter()
    get, page = await module.connect(url)
    row = await get(7)
    assert row == (7, "item 7"), row
    first = time.perf_counter()
    assert len(await page(100)) == 100
    await time_each(50, get)
    return {
        "import_ms": (imported - begin) * 1000,
        "first_ms": (first - imported) * 1000,
        "get_us": await time_each(GETS, get),
        "list_us": await time_each(LISTS, lambda _: page(100)),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], sys.argv[2]))))
