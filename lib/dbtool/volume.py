"""A limit to what one answer of the server may weigh: the client library holds any message whole, however long.

Rows are cut on the server, but a plan is not, nor is an error that quotes a value: one of 100 MB took 760 MB here.
"""

import os
import socket
from contextlib import closing

from psycopg.abc import PQGen

from lib.errors import QueryFailed

_TOO_LARGE = "54000"
_RECEIVED = slice(128, 136)  # tcpi_bytes_received of Linux's struct tcp_info


def limited[T](steps: PQGen[T], descriptor: int, most_bytes: int) -> PQGen[T]:
    """The same steps; QueryFailed as soon as the socket has received more than `most_bytes` while they were taken.

    What has come in is looked at after each read, so somewhat more may be held; all of it, if the last read took it.
    A socket that does not count its bytes (of another system than Linux, or in the file system) sets no limit.
    """
    with closing(socket.socket(fileno=os.dup(descriptor))) as counted:
        most = _received(counted) + most_bytes
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                _hold_to(most, most_bytes, counted)
                wanted = steps.send(ready)
        except StopIteration as done:
            _hold_to(most, most_bytes, counted)
            return done.value  # type: ignore[no-any-return]  # what the steps return, which is a T


def _hold_to(most: int, most_bytes: int, counted: socket.socket) -> None:
    """Raise QueryFailed if more than `most` bytes have come in, ever, on this connection."""
    if _received(counted) > most:
        raise QueryFailed(
            f"The database's answer is longer than {most_bytes // 1_000_000} MB and was not read.",
            sqlstate=_TOO_LARGE,
        )


def _received(counted: socket.socket) -> int:
    """How many bytes this connection has received so far; 0 where nobody counts."""
    try:
        return int.from_bytes(
            counted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.stop)[_RECEIVED], "little"
        )
    except (AttributeError, OSError):
        return 0
