"""How a statement reaches the server: by the extended protocol alone, so that one text is never two statements.

psycopg's `execute` falls back to the simple protocol, which runs every statement of a text, whenever there are no
parameters; what is sent from here is parsed or executed by messages that take one statement only.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from psycopg import errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import wait_async

from lib.dbtool.logins import Connection
from lib.dbtool.volume import limited

_CANCEL_SECONDS = 2.0
# The longest answer there is by rights: a batch of four million characters, of up to four bytes each.
MOST_BYTES = 20_000_000

type Values = Sequence[bytes | None]
type Types = Sequence[int]


@dataclass(frozen=True, slots=True)
class Description:
    """What the server says of a statement that it has parsed and not run: types are OIDs."""

    parameters: tuple[int, ...]
    names: tuple[str, ...]
    types: tuple[int, ...]


async def describe(conn: Connection, text: str, types: Types = ()) -> Description:
    """Have a statement parsed and described; nothing of it runs, and its wrong names and types are told here."""
    pgconn = conn.pgconn
    _, told = await _exchange(
        conn,
        lambda: pgconn.send_prepare(b"", text.encode(), types or None),
        lambda: pgconn.send_describe_prepared(b""),
    )
    fields = range(told.nfields)
    return Description(
        parameters=tuple(told.param_type(number) for number in range(told.nparams)),
        names=tuple((told.fname(number) or b"").decode(errors="replace") for number in fields),
        types=tuple(told.ftype(number) for number in fields),
    )


async def run(conn: Connection, text: str, values: Values = (), types: Types = ()) -> PGresult:
    """Run one statement and return its whole result, in text; raises psycopg's error for what fails."""
    (result,) = await run_all(conn, (text, values, types))
    return result


async def run_all(conn: Connection, *statements: tuple[str, Values, Types]) -> list[PGresult]:
    """Run statements one after the other, sent together: the first that fails is raised, and none behind it runs."""
    return await _exchange(conn, *(_sender(conn.pgconn, *statement) for statement in statements))


def _sender(pgconn: PGconn, text: str, values: Values, types: Types) -> Callable[[], None]:
    return lambda: pgconn.send_query_params(text.encode(), values or None, types or None)


def cells(result: PGresult) -> list[list[str | None]]:
    """The rows of a result, each value as the server wrote it."""
    columns = range(result.nfields)
    return [
        [
            None if (cell := result.get_value(row, column)) is None else cell.decode(errors="replace")
            for column in columns
        ]
        for row in range(result.ntuples)
    ]


async def _exchange(conn: Connection, *sends: Callable[[], None]) -> list[PGresult]:
    """Send messages in one go and wait for the one result of each; QueryFailed if they weigh too much."""
    pgconn = conn.pgconn
    async with conn.lock:
        pgconn.enter_pipeline_mode()
        try:
            for send in sends:
                send()
            pgconn.pipeline_sync()
            steps = limited(_collect(pgconn, len(sends)), pgconn.socket, MOST_BYTES)
            results = await wait_async(steps, pgconn.socket)
            pgconn.exit_pipeline_mode()
        except BaseException:
            await _abandon(conn)
            raise
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding="utf-8")
    return results


def _collect(pgconn: PGconn, count: int) -> PQGen[list[PGresult]]:
    """The results of `count` messages, and the mark behind them."""
    yield from generators.send(pgconn)
    results = []
    for _ in range(count):
        results += yield from generators.fetch_many(pgconn)
    yield from generators.fetch_many(pgconn)
    return results


async def _abandon(conn: Connection) -> None:
    """Tell the server to stop, and close the connection: its answer may be long in coming, and nobody waits for it."""
    with suppress(errors.Error):
        await conn.cancel_safe(timeout=_CANCEL_SECONDS)
    conn.pgconn.finish()
