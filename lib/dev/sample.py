"""The database tool's sample in the embedded Postgres: real places, and the two logins that may see them."""

import hashlib
import hmac
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row

from lib.dbtool.setup import login_url, set_up
from lib.dbtool.walls import READER, WRITER, Wishes
from lib.dev.server import PROJECT
from lib.dev.service import read_cities

ATLAS = PROJECT / "lib" / "examples" / "atlas"
SCHEMA = "atlas"
_HAVE = """
select to_regnamespace('atlas') is not null, (select count(*) = 2 from pg_roles where rolname in (%s, %s))
"""


async def open_sample(url: str) -> dict[str, str]:
    """Make the sample in the database of `url` unless it is there; answers the tool's settings for it."""
    passwords = {role: _derive_password(url, role) for role in (READER, WRITER)}
    async with await psycopg.AsyncConnection.connect(url, row_factory=tuple_row) as conn:
        have_tables, have_logins = await (await conn.execute(_HAVE, [READER, WRITER])).fetchone() or (False, False)
        if not have_tables:
            await _fill(conn)
    if not (have_tables and have_logins):
        await set_up(url, Wishes(schemas=(SCHEMA,)), passwords)
    user = str(conninfo_to_dict(url).get("user"))
    return {
        "DB_TOOL_READ_URL": login_url(url, READER, passwords[READER], user),
        "DB_TOOL_WRITE_URL": login_url(url, WRITER, passwords[WRITER], user),
    }


async def _fill(conn: psycopg.AsyncConnection[Any]) -> None:
    await conn.execute((ATLAS / "schema.sql").read_bytes())
    countries = _read_rows((ATLAS / "iso3166.tab").read_text())
    table = (ATLAS / "zone.tab").read_text()
    zones = [row[2] for row in _read_rows(table)]
    places = [
        (city["country"], zone, city["city"], city["region"], city["latitude"], city["longitude"])
        for zone, city in zip(zones, read_cities(table), strict=True)
    ]
    async with conn.cursor() as cursor:
        async with cursor.copy("copy atlas.countries from stdin") as copy:
            for country in countries:
                await copy.write_row(country)
        async with cursor.copy(
            "copy atlas.places (country, zone, name, region, latitude, longitude) from stdin"
        ) as copy:
            for place in places:
                await copy.write_row(place)
    await conn.execute((ATLAS / "visits.sql").read_bytes())


def _read_rows(table: str) -> list[list[str]]:
    return [line.split("\t") for line in table.splitlines() if not line.startswith("#")]


def _derive_password(url: str, role: str) -> str:
    """The same at every start, and known to nobody who does not know the server's own password."""
    key = str(conninfo_to_dict(url).get("password") or "")
    return hmac.new(key.encode(), role.encode(), hashlib.sha256).hexdigest()[:32]
