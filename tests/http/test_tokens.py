"""Signed links to one run's stream."""

import re
from uuid import UUID

from lib.config import SCOPES
from lib.http.caller import ANYONE, Caller
from lib.http.tokens import find_signer, write_stream_url

RUN = UUID(int=1)
KEYS = {"key-one": SCOPES, "key-two": frozenset({"runs:read"})}


def read_token(url: str) -> str:
    return url.partition("?token=")[2]


def test_a_token_is_its_callers_own() -> None:
    caller = Caller("key-two", KEYS["key-two"])
    assert find_signer(read_token(write_stream_url(RUN, caller)), RUN, KEYS) == caller


def test_a_token_opens_one_run() -> None:
    token = read_token(write_stream_url(RUN, Caller("key-one", SCOPES)))
    assert find_signer(token, UUID(int=2), KEYS) is None


def test_a_token_ends_with_its_key() -> None:
    token = read_token(write_stream_url(RUN, Caller("key-three", SCOPES)))
    assert find_signer(token, RUN, KEYS) is None


def test_the_expiry_cannot_be_moved() -> None:
    expires, _, signature = read_token(write_stream_url(RUN, Caller("key-one", SCOPES))).partition(".")
    assert find_signer(f"{int(expires) + 1}.{signature}", RUN, KEYS) is None


def test_junk_is_nobodys() -> None:
    for junk in ("", ".", "1", "1.", "x.y", "-1.00", "1" * 50 + ".0", "1.ä", "١.00"):
        assert find_signer(junk, RUN, KEYS) is None


def test_gives_nothing_to_a_caller_who_may_not_read_runs() -> None:
    assert write_stream_url(RUN, Caller("key", frozenset({"runs:write"}))) == f"/runs/{RUN}/stream"


def test_needs_no_token_where_there_are_no_keys() -> None:
    assert write_stream_url(RUN, ANYONE) == f"/runs/{RUN}/stream"


def test_a_link_is_safe_in_a_url() -> None:
    url = write_stream_url(RUN, Caller("key-one", SCOPES))
    assert re.fullmatch(rf"/runs/{RUN}/stream\?token=\d+\.[0-9a-f]{{64}}", url)


def test_a_caller_shows_no_key() -> None:
    caller = Caller("very-secret", SCOPES)
    assert "very-secret" not in repr(caller) + str(caller) + caller.name
