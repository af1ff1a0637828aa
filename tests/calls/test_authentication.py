"""Digest, OAuth 2 and OpenID Connect against real servers: what is asked, what is sent, what is kept."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from lib import calls
from lib.calls import digest, oauth2
from lib.calls.arguments import Request
from lib.calls.targets import read as target
from lib.calls.tokens import Token, Tokens
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT, HttpCaller
from tests.calls.server import Received, Server, answer, json_answer, serve

pytestmark = pytest.mark.anyio

CLIENT = {"id": "me", "secret": "hush-hush&1"}


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A process that has no tokens yet, and its clock."""
    told = Clock()
    monkeypatch.setattr(oauth2, "tokens", Tokens(told))
    return told


class TestDigest:
    MUFASA = digest.Digest("Mufasa", "Circle of Life")
    CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"

    def challenge(self, algorithm: str, qop: str = "auth, auth-int") -> str:
        return (
            f'Digest realm="http-auth@example.org", qop="{qop}", algorithm={algorithm}, '
            f'nonce="{self.NONCE}", opaque="{self.OPAQUE}"'
        )

    @pytest.mark.parametrize(
        ("algorithms", "response"),
        [
            (["MD5"], "8ca523f5e9506fed4657c9700eebdbec"),
            (["SHA-256"], "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            (["MD5", "SHA-256"], "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    async def test_answers_as_the_rfcs_own_example(self, monkeypatch, algorithms, response) -> None:
        monkeypatch.setattr(digest.secrets, "token_hex", lambda _: self.CNONCE)
        asked = ", ".join(['Basic realm="x"', *map(self.challenge, algorithms)])
        request = Request("GET", target("http://www.example.org/dir/index.html"), {}, b"")
        again = await self.MUFASA.again(request, asked)
        assert again is not None
        assert f'response="{response}"' in again.headers["authorization"]
        assert f'opaque="{self.OPAQUE}"' in again.headers["authorization"]

    @pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA-256-sess", "SHA-256", ""])
    @pytest.mark.parametrize("qop", ["auth", "auth-int", ""])
    async def test_is_what_a_server_expects(self, http: HttpCaller, algorithm: str, qop: str) -> None:
        def check(request: Received) -> bytes:
            sent = request.headers.get("authorization")
            if sent is None:
                offered = f', qop="{qop}"' if qop else ""
                offered += f", algorithm={algorithm}" if algorithm else ""
                return answer(401, www_authenticate=f'Digest realm="a \\"b\\"", nonce="n1"{offered}')
            return json_answer(json.dumps(self.expected(request, sent, algorithm, qop)))

        async with serve(check) as server:
            endpoint = {
                "uri": server.url + "/a?b=1",
                "authentication": {"digest": {"username": "ann", "password": "pä"}},
            }
            assert await http(endpoint, method="post", body={"x": 1}) is True
        assert [request.body for request in server.received] == [b'{"x":1}'] * 2

    def expected(self, request: Received, sent: str, algorithm: str, qop: str) -> bool:
        """Whether the response is right, computed as RFC 7616, 3.4 says."""

        def hashed(text: str) -> str:
            return hashlib.new("sha256" if algorithm.startswith("SHA") else "md5", text.encode()).hexdigest()

        said = {
            name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"((?:\\.|[^"])*)"|(\w[^,]*))', sent)
        }
        who = hashed('ann:a "b":pä')
        if algorithm.endswith("-sess"):
            who = hashed(f"{who}:n1:{said['cnonce']}")
        body = f":{hashed(request.body.decode())}" if qop == "auth-int" else ""
        what = hashed(f"{request.method}:{request.target}{body}")
        middle = f":n1:{said['nc']}:{said['cnonce']}:{qop}:" if qop else ":n1:"
        return said["response"] == hashed(f"{who}{middle}{what}") and said["uri"] == "/a?b=1"

    @pytest.mark.parametrize(
        "challenge", ["", "Basic realm=x", 'Digest realm="x", nonce="n", algorithm=SHA-1024', "Digest x"]
    )
    async def test_what_cannot_be_answered_is_not(self, http: HttpCaller, challenge: str) -> None:
        async with serve(lambda _: answer(401, "no", www_authenticate=challenge)) as server:
            endpoint = {"uri": server.url, "authentication": {"digest": {"username": "ann", "password": "pass"}}}
            with pytest.raises(Fault, match="401"):
                await http(endpoint)
        assert len(server.received) == 1

    async def test_a_wrong_password_is_tried_once(self, http: HttpCaller) -> None:
        async with serve(lambda _: answer(401, "no", www_authenticate=self.challenge("MD5"))) as server:
            endpoint = {"uri": server.url, "authentication": {"digest": {"username": "ä", "password": "pass"}}}
            with pytest.raises(Fault) as caught:
                await http(endpoint)
        assert caught.value.status == 401
        assert len(server.received) == 2
        assert "username*=UTF-8''%C3%A4" in server.received[1].headers["authorization"]


class Authority:
    """Gives tokens t1, t2, …; `/api` takes those that are not revoked."""

    def __init__(self, **token: Any) -> None:
        self.token = {"token_type": "Bearer", "expires_in": 3600, **token}
        self.given = 0
        self.revoked: set[str] = set()

    def __call__(self, request: Received) -> bytes:
        if request.target == "/api":
            token = request.headers.get("authorization", "")
            return (
                answer(401, token) if token.removeprefix("Bearer ") in self.revoked else json_answer(json.dumps(token))
            )
        if request.target.endswith("/.well-known/openid-configuration"):
            host = request.headers["host"]
            return json_answer(json.dumps({"token_endpoint": f"http://{host}/found/token"}))
        self.given += 1
        return json_answer(json.dumps({"access_token": f"t{self.given}", **self.token}))


def policy(server: Server, scheme: str = "oauth2", **details: Any) -> dict[str, Any]:
    given = {"authority": server.url + "/realm/", "grant": "client_credentials", "client": CLIENT, **details}
    return {"uri": server.url + "/api", "authentication": {scheme: given}}


def asked(server: Server) -> list[Received]:
    return [request for request in server.received if request.method == "POST"]


def form(request: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


async def test_oauth2_asks_for_a_token_and_sends_it(http: HttpCaller) -> None:
    async with serve(Authority()) as server:
        assert await http(policy(server, scopes=["a", "b"], audiences=["x", "y"])) == "Bearer t1"
    (request,) = asked(server)
    assert request.target == "/realm/oauth2/token"
    assert form(request) == {
        "grant_type": "client_credentials",
        "scope": "a b",
        "audience": "x y",
        "client_id": "me",
        "client_secret": "hush-hush&1",
    }


async def test_oauth2_sends_json_to_the_endpoint_that_is_named(http: HttpCaller) -> None:
    async with serve(Authority()) as server:
        endpoints = {"token": "/auth/token"}
        await http(policy(server, endpoints=endpoints, request={"encoding": "application/json"}))
    (request,) = asked(server)
    assert request.target == "/realm/auth/token"
    assert json.loads(request.body)["client_id"] == "me"


async def test_oauth2_gives_a_password_or_exchanges_a_token(http: HttpCaller) -> None:
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    token = {"token": "theirs", "type": "urn:x:jwt"}
    async with serve(Authority()) as server:
        await http(policy(server, grant="password", username="ann", password="pw"))
        await http(policy(server, grant=exchange, subject=token, actor={**token, "token": "ours"}))
    first, second = map(form, asked(server))
    assert (first["grant_type"], first["username"], first["password"]) == ("password", "ann", "pw")
    assert (second["subject_token"], second["subject_token_type"]) == ("theirs", "urn:x:jwt")
    assert (second["actor_token"], second["grant_type"]) == ("ours", exchange)


async def test_a_client_identifies_itself_as_it_is_told(http: HttpCaller) -> None:
    ways = ["client_secret_basic", "client_secret_jwt", "private_key_jwt", "none"]
    async with serve(Authority()) as server:
        for way in ways:
            await http(policy(server, client={**CLIENT, "assertion": "a.b.c", "authentication": way}))
    basic, secret, private, nobody = asked(server)
    pair = base64.b64encode(b"me:hush-hush%261").decode()
    assert basic.headers["authorization"] == f"Basic {pair}"
    assert "client_secret" not in form(basic)
    head, body, signature = form(secret)["client_assertion"].split(".")
    expected = hmac.digest(CLIENT["secret"].encode(), f"{head}.{body}".encode(), "sha256")
    assert base64.urlsafe_b64decode(signature + "=") == expected
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", f"{server.url}/realm/oauth2/token")
    assert form(private)["client_assertion"] == "a.b.c"
    assert form(nobody) == {"grant_type": "client_credentials", "client_id": "me"}


@pytest.mark.parametrize("suffix", ["", "/.well-known/openid-configuration"])
async def test_oidc_finds_its_endpoint_and_asks_for_openid(http: HttpCaller, suffix: str) -> None:
    async with serve(Authority()) as server:
        await http(policy(server, "oidc", authority=server.url + "/realm" + suffix, scopes=["api"]))
    assert server.received[0].target == "/realm/.well-known/openid-configuration"
    (request,) = asked(server)
    assert request.target == "/found/token"
    assert form(request)["scope"] == "openid api"


async def test_a_token_is_kept_until_it_expires(http: HttpCaller, clock: Clock) -> None:
    authority = Authority(expires_in=100)
    async with serve(authority) as server:
        assert [await http(policy(server)) for _ in range(3)] == ["Bearer t1"] * 3
        clock.now += 89
        assert await http(policy(server)) == "Bearer t1"
        clock.now += 1
        assert await http(policy(server)) == "Bearer t2"
        assert await http(policy(server, scopes=["other"])) == "Bearer t3"
        assert await http(policy(server, client={**CLIENT, "secret": "guessed"})) == "Bearer t4"


async def test_calls_that_begin_together_ask_for_one_token(http: HttpCaller) -> None:
    import asyncio

    authority = Authority()
    async with serve(authority) as server:
        answers = await asyncio.gather(*(http(policy(server)) for _ in range(8)))
    assert set(answers) == {"Bearer t1"}
    assert authority.given == 1


async def test_a_refused_token_is_replaced_once(http: HttpCaller) -> None:
    authority = Authority()
    async with serve(authority) as server:
        await http(policy(server))
        authority.revoked.add("t1")
        assert await http(policy(server)) == "Bearer t2"
        authority.revoked |= {"t2", "t3", "t4"}
        with pytest.raises(Fault) as caught:
            await http(policy(server))
    assert caught.value.status == 401
    assert authority.given == 3
    assert "t3" not in caught.value.detail


@pytest.mark.parametrize(
    ("reply", "status", "kind"),
    [
        (answer(401, "no such client: me hush-hush&1"), 401, "authentication"),
        (answer(503, "later"), 503, "communication"),
        (json_answer("[]"), 502, "communication"),
        (json_answer("{"), 502, "communication"),
        (json_answer("{}"), 401, "authentication"),
        (json_answer('{"access_token": "a b"}'), 401, "authentication"),
        (json_answer('{"access_token": "a", "token_type": "mac"}'), 401, "authentication"),
    ],
)
async def test_no_token_is_a_fault_that_repeats_no_secret(http: HttpCaller, reply, status, kind) -> None:
    async with serve(lambda _: reply) as server:
        with pytest.raises(Fault) as caught:
            await http(policy(server))
    assert (caught.value.status, caught.value.type) == (status, STANDARD + kind)
    assert "hush" not in caught.value.detail


async def test_a_token_of_a_strange_issuer_is_not_used(http: HttpCaller) -> None:
    body = base64.urlsafe_b64encode(b'{"iss": "https://me.test"}').rstrip(b"=").decode()
    async with serve(Authority(access_token=f"e30.{body}.x")) as server:
        await http(policy(server, issuers=["https://me.test"]))
        with pytest.raises(Fault, match="none of the policy's issuers"):
            await http(policy(server, issuers=["https://you.test"]))


async def test_the_authority_is_judged_like_any_address(http: HttpCaller) -> None:
    async with serve(Authority()) as server:
        with pytest.raises(Fault) as caught:
            await http(policy(server, authority="http://169.254.169.254/latest"))
    assert caught.value.type == STANDARD + "authorization"


@pytest.mark.parametrize(
    "change",
    [
        {"authority": 1},
        {"grant": "refresh_token"},
        {"client": {}},
        {"scopes": "a"},
        {"client": "me"},
        {"grant": "password"},
    ],
)
async def test_a_policy_from_a_secret_that_lacks_something_is_refused(http: HttpCaller, change) -> None:
    async with serve(Authority()) as server:
        with pytest.raises(Fault) as caught:
            await http(policy(server, **change))
    assert caught.value.type == STANDARD + "validation"


async def test_tells_with_what_it_has_authenticated(http: HttpCaller) -> None:
    from dataclasses import replace

    said = replace(CONTEXT, authorizations=[])
    async with serve(Authority()) as server:
        await calls.run("http", {"method": "get", "endpoint": policy(server)}, said)
        assert said.authorization == {"scheme": "Bearer", "parameter": "t1"}
        plain = replace(CONTEXT, authorizations=[])
        await calls.run("http", {"method": "get", "endpoint": server.url + "/api"}, plain)
        assert plain.authorization is None


async def test_only_so_many_tokens_are_kept() -> None:
    from lib.calls.tokens import MOST_TOKENS

    kept = Tokens(Clock())
    fetched: list[int] = []

    async def fetch() -> Token:
        fetched.append(1)
        return Token("t", None)

    for number in range(MOST_TOKENS + 1):
        await kept.get(str(number), fetch)
    await kept.get(str(MOST_TOKENS), fetch)
    assert len(fetched) == MOST_TOKENS + 1
    await kept.get("0", fetch)
    assert len(fetched) == MOST_TOKENS + 2
