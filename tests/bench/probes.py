"""The first requests whose cold starts are measured, and what the database has to hold for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.documents import document

KEY = "bench"
DOCUMENT = document([{"greet": {"set": {"hello": "${ .name | ascii_upcase }"}}}], "bench")
# The first statement is what loads the parsers; the login looks at itself and at its schema, too.
SHOP = "create table orders (id bigint primary key, customer text not null, total numeric not null)"
READ = {"sql": "select customer, sum(total) from orders where id > $1 group by customer limit 10", "params": [7]}
WRITE = {"sql": "update orders set total = total * 2 where id = $1", "params": [7]}
SAY_READY = "import os; os.write(1, b'x')"


@dataclass(frozen=True)
class Script:
    """A baseline without the runtime: `python -c`, ready when it writes a byte."""

    code: str
    what: str

    @property
    def row(self) -> tuple[str, str]:
        """How the table names it."""
        return "–", self.what


@dataclass(frozen=True, eq=False)
class Probe:
    """A function and its first request; `due` is how many runs a sweep finds."""

    function: str
    method: str
    target: str
    status: int
    what: str
    body: Any = None
    signed: bool = True
    due: int = 0

    @property
    def row(self) -> tuple[str, str]:
        """How the table names it."""
        return f"`{self.function}`", self.what

    def write(self, names: Mapping[str, Any], headers: list[tuple[bytes, bytes]]) -> bytes:
        """The request as it goes over the wire."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.target.format(**names)} HTTP/1.1".encode(), b"host: bench"]
        lines += [name + b": " + value for name, value in headers]
        if self.signed:
            lines.append(f"authorization: Bearer {KEY}".encode())
        if body:
            lines += [b"content-type: application/json", b"content-length: %d" % len(body)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def refused(function: str, target: str) -> Probe:
    """A request without its key: answered without the database."""
    return Probe(function, "GET", target, 401, "GET without a key: 401", signed=False)


BASELINES = [
    Script(SAY_READY, "bare Python"),
    Script(f"import psycopg, pydantic; {SAY_READY}", "`import psycopg, pydantic`"),
    Probe("empty", "GET", "/empty", 200, "the runtime with an empty ASGI app", signed=False),
]
WITHOUT_DATABASE = [
    Probe("health", "GET", "/health/none", 404, "GET of no route: 404", signed=False),
    refused("runs", "/runs"),
    refused("run", "/runs/{run}"),
    refused("run_events", "/runs/{run}/events"),
    refused("run_stream", "/runs/{run}/stream"),
    refused("workflows", "/workflows"),
    refused("workflow", "/workflows/{workflow}"),
    refused("workflow_runs", "/workflows/{workflow}/runs"),
    refused("sweep", "/sweep"),
    refused("db_query", "/db/schema"),
    refused("db_ask", "/db/documents"),
]
WITH_DATABASE = [
    Probe("health", "GET", "/health", 200, "GET"),
    Probe("runs", "GET", "/runs", 200, "GET"),
    Probe("run", "GET", "/runs/{run}", 200, "GET"),
    Probe("run_events", "GET", "/runs/{run}/events", 200, "GET"),
    Probe("run_stream", "GET", "/runs/{run}/stream", 200, "GET"),
    Probe("workflows", "GET", "/workflows", 200, "GET"),
    Probe("workflows", "POST", "/workflows", 200, "POST of a document", body=DOCUMENT),
    Probe("workflow", "GET", "/workflows/{workflow}", 200, "GET"),
    Probe("workflow_runs", "GET", "/workflows/{workflow}/runs", 200, "GET"),
    Probe("workflow_runs", "POST", "/workflows/{workflow}/runs", 202, "POST of a run", body={"input": {"name": "x"}}),
    Probe("sweep", "GET", "/sweep", 200, "GET, nothing due"),
    Probe("sweep", "GET", "/sweep", 200, "GET, one run due", due=1),
    Probe("db_query", "GET", "/db/queries", 200, "GET of the record"),
    Probe("db_query", "GET", "/db/schema", 200, "GET of the schema"),
    Probe("db_query", "POST", "/db/query", 200, "POST of a read", body=READ),
    Probe("db_query", "POST", "/db/query", 200, "POST of a write: its dry run", body=WRITE),
]
SECTIONS = {
    "Baselines": BASELINES,
    "First request answered without the database": WITHOUT_DATABASE,
    "First request answered from the database": WITH_DATABASE,
}
PROBES: list[Script | Probe] = [probe for probes in SECTIONS.values() for probe in probes]
