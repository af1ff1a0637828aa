"""Redirects: followed only if the document says so, each hop judged anew, credentials left at home."""

import pytest

from lib.calls.http import MAX_REDIRECTS
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import HttpCaller
from tests.calls.server import Received, answer, serve

pytestmark = pytest.mark.anyio


def redirecting(status: int, location: str):
    def handler(request: Received) -> bytes:
        if request.target == "/start":
            return answer(status, "moved", location=location)
        return answer(200, "there", content_type="text/plain")

    return handler


async def test_follows_to_a_relative_location_over_the_same_connection(http: HttpCaller) -> None:
    async with serve(redirecting(302, "../there?x=1#part")) as server:
        output = await http(server.url + "/start", redirect=True, output="response")
    assert output["content"] == "there"
    assert output["request"]["uri"] == server.url + "/there"
    assert [request.target for request in server.received] == ["/start", "/there?x=1"]
    assert {request.connection for request in server.received} == {1}


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
        (302, "HEAD", "HEAD"),
    ],
)
async def test_rewrites_the_method_as_http_says(http: HttpCaller, status, method, then) -> None:
    def handler(request: Received) -> bytes:
        head = answer(status, location="/there") if request.target == "/start" else answer(204)
        return head.replace(b"content-length: 0\r\n", b"") if request.target == "/there" else head

    body = {"a": 1} if method not in ("HEAD", "DELETE") else None
    async with serve(handler) as server:
        await http(server.url + "/start", method=method, body=body, redirect=True)
    last = server.received[-1]
    assert last.method == then
    kept = body is not None and then == method
    assert (last.body == b'{"a":1}') == kept
    assert ("content-type" in last.headers) == kept


async def test_credentials_do_not_cross_to_another_origin_and_do_not_come_back(http: HttpCaller) -> None:
    async with serve(lambda request: answer(200)) as last:

        def back(request: Received) -> bytes:
            return answer(302, location=last.url + "/end")

        async with serve(back) as other, serve(redirecting(307, other.url + "/hop")) as first:
            await http(
                {"uri": first.url + "/start", "authentication": {"bearer": {"token": "sesame"}}},
                headers={"Cookie": "c=1", "X-Api-Key": "k", "Accept": "a/b"},
                redirect=True,
            )
    assert first.received[0].headers["authorization"] == "Bearer sesame"
    for request in other.received + last.received:
        assert not {"authorization", "cookie", "x-api-key"} & set(request.headers)
        assert request.headers["accept"] == "a/b"
        assert request.headers["idempotency-key"] == "run-1:/do/0/pet:1"


async def test_credentials_stay_within_their_origin(http: HttpCaller) -> None:
    async with serve(redirecting(302, "/there")) as server:
        endpoint = {"uri": server.url + "/start", "authentication": {"bearer": {"token": "sesame"}}}
        await http(endpoint, redirect=True)
    assert server.received[-1].headers["authorization"] == "Bearer sesame"


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "//192.168.0.1/",
        "http://0x7f.1/",
        "http://127.0.0.1:25/",
    ],
)
async def test_every_hop_is_judged(http: HttpCaller, location) -> None:
    async with serve(redirecting(302, location)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url + "/start", redirect=True)
    assert caught.value.type == STANDARD + "authorization"


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/", "http://ann:secret@127.0.0.1/", "http://[::1", "http://a b/", "/a\\b", "file:///etc/passwd"],
)
async def test_a_location_that_is_no_place_for_a_call_is_refused(http: HttpCaller, location) -> None:
    async with serve(redirecting(302, location)) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url + "/start", redirect=True)
    assert caught.value.type == STANDARD + "validation"
    assert "secret" not in str(caught.value)
    assert len(server.received) == 1


async def test_a_circle_ends(http: HttpCaller) -> None:
    async with serve(lambda _: answer(302, location="/again")) as server:
        with pytest.raises(Fault, match="redirects more than") as caught:
            await http(server.url, redirect=True)
    assert caught.value.status == 502
    assert len(server.received) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("reply", [answer(302), answer(300, location="/a"), answer(304)])
async def test_with_redirect_a_3xx_that_leads_nowhere_is_an_answer(http: HttpCaller, reply: bytes) -> None:
    async with serve(lambda _: reply) as server:
        assert await http(server.url, redirect=True) is None
    assert len(server.received) == 1


async def test_an_error_behind_a_redirect_hides_what_the_first_request_carried(http: HttpCaller) -> None:
    async with (
        serve(lambda _: answer(500, "you sent sesame-0pen before")) as other,
        serve(redirecting(302, other.url)) as first,
    ):
        endpoint = {"uri": first.url + "/start", "authentication": {"bearer": {"token": "sesame-0pen"}}}
        with pytest.raises(Fault) as caught:
            await http(endpoint, redirect=True)
    assert caught.value.detail.endswith("500: you sent [redacted] before")
