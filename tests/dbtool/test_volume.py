"""The weight of an answer is limited while it comes in, where the socket counts its bytes."""

import socket
import sys
from collections.abc import Iterator

import pytest
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

from lib.dbtool.volume import limited
from lib.errors import QueryFailed

type Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def connected() -> Iterator[Pair]:
    """Two ends of a TCP connection: one to send by, one that is counted."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        with receiving:
            yield sending, receiving


def reading(source: socket.socket, *sizes: int) -> PQGen[int]:
    """Steps that read as many bytes each, and return how many there were."""
    total = 0
    for size in sizes:
        yield Wait.R
        total += len(source.recv(size, socket.MSG_WAITALL))
    return total


def take(steps: PQGen[int], sending: socket.socket, size: int) -> int:
    """What the steps return when so many bytes are sent once they wait."""
    assert next(steps) is Wait.R
    sending.sendall(b"x" * size)
    try:
        while True:
            steps.send(Ready.R)
    except StopIteration as done:
        return int(done.value)


@pytest.mark.skipif(sys.platform != "linux", reason="not run: only Linux counts a socket's bytes")
def test_what_comes_in_is_counted_from_where_it_began(connected: Pair):
    sending, receiving = connected
    for _ in range(2):
        assert take(limited(reading(receiving, 1_000, 1_000), receiving.fileno(), 2_500), sending, 2_000) == 2_000
    with pytest.raises(QueryFailed):
        take(limited(reading(receiving, 1_000, 2_000), receiving.fileno(), 2_500), sending, 3_000)


@pytest.mark.skipif(sys.platform != "linux", reason="not run: only Linux counts a socket's bytes")
def test_what_the_last_read_took_is_counted_too(connected: Pair):
    sending, receiving = connected

    def reading_at_once() -> PQGen[int]:
        """A quick sender: nothing is there to see between two reads, and all of it is in the last."""
        yield Wait.R
        sending.sendall(b"x" * 3_000)
        return len(receiving.recv(3_001))

    with pytest.raises(QueryFailed):
        take(limited(reading_at_once(), receiving.fileno(), 2_500), sending, 1)


def test_a_socket_that_does_not_count_sets_no_limit():
    sending, receiving = socket.socketpair()
    with sending, receiving:
        assert take(limited(reading(receiving, 4_000, 1_000), receiving.fileno(), 10), sending, 5_000) == 5_000
