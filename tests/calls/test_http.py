"""`call: http` against a real server: what goes out, what comes back."""

import base64
import gzip
import json
from dataclasses import replace

import pytest

from lib import calls
from lib.calls import arguments as http_arguments
from lib.dsl.faults import STANDARD, Fault
from tests.calls.conftest import CONTEXT, HttpCaller
from tests.calls.server import Received, answer, json_answer, serve

pytestmark = pytest.mark.anyio


def echo(request: Received) -> bytes:
    """What was received, as JSON."""
    heard = {"method": request.method, "target": request.target, "headers": request.headers}
    return json_answer(json.dumps({**heard, "body": request.body.decode()}))


async def test_sends_the_method_the_path_the_query_and_the_headers(http: HttpCaller) -> None:
    async with serve(echo) as server:
        heard = await http(
            server.url + "/pets/ä%2F1 2{x}?a=1#part",
            method="delete",
            query={"tag": ["x y", "&"], "page": 2, "all": True, "none": None},
            headers={"X-Trace": "t-1", "X-Count": 3, "X-None": None},
        )
    assert heard["method"] == "DELETE"
    assert heard["target"] == "/pets/%C3%A4%2F1%202%7Bx%7D?a=1&tag=x%20y&tag=%26&page=2&all=true"
    assert heard["headers"]["x-trace"] == "t-1"
    assert heard["headers"]["x-count"] == "3"
    assert "x-none" not in heard["headers"]
    assert heard["headers"]["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("body", "content_type", "sent", "as_type"),
    [
        ({"a": "ü"}, None, '{"a":"ü"}', "application/json"),
        ([1, None], None, "[1,null]", "application/json"),
        (False, None, "false", "application/json"),
        (0, None, "0", "application/json"),
        ("plain", None, "plain", "text/plain; charset=utf-8"),
        ('{"as": "is"}', "application/json", '{"as": "is"}', "application/json"),
        ({"a": 1}, "application/merge-patch+json", '{"a":1}', "application/merge-patch+json"),
        (
            {"a": "1 2", "b": ["x", True]},
            "application/x-www-form-urlencoded",
            "a=1+2&b=x&b=true",
            "application/x-www-form-urlencoded",
        ),
    ],
)
async def test_sends_a_body_by_its_type(http: HttpCaller, body, content_type, sent, as_type) -> None:
    headers = {"Content-Type": content_type} if content_type else None
    async with serve(echo) as server:
        heard = await http(server.url, method="post", body=body, headers=headers)
    assert heard["body"] == sent
    assert heard["headers"]["content-type"] == as_type
    assert heard["headers"]["content-length"] == str(len(sent.encode()))


async def test_a_post_without_a_body_says_so(http: HttpCaller) -> None:
    async with serve(echo) as server:
        heard = await http(server.url, method="post")
    assert heard["headers"]["content-length"] == "0"
    assert "content-type" not in heard["headers"]


async def test_every_call_carries_the_effects_idempotency_key(http: HttpCaller) -> None:
    async with serve(echo) as server:
        plain = await http(server.url)
        strange = await http(server.url, about={"idempotency_key": "run-1:/do/0/größe\n:1"})
        long = await http(server.url, about={"idempotency_key": "run-1:" + "/x" * 500})
        same = await http(server.url, about={"idempotency_key": "run-1:" + "/x" * 500})
        own = await http(server.url, headers={"Idempotency-Key": "mine"})
    assert plain["headers"]["idempotency-key"] == "run-1:/do/0/pet:1"
    assert strange["headers"]["idempotency-key"] == "run-1:/do/0/gr%C3%B6%C3%9Fe%0A:1"
    assert len(long["headers"]["idempotency-key"]) <= http_arguments.MAX_KEY_CHARACTERS
    assert long["headers"]["idempotency-key"] == same["headers"]["idempotency-key"]
    assert own["headers"]["idempotency-key"] == "mine"


async def test_says_who_it_is_unless_the_document_does(http: HttpCaller) -> None:
    async with serve(echo) as server:
        assert (await http(server.url))["headers"]["user-agent"] == "ratchet"
        assert (await http(server.url, headers={"USER-AGENT": "me"}))["headers"]["user-agent"] == "me"


@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        (
            {"basic": {"username": "ann", "password": "pä:ss"}},
            "Basic " + base64.b64encode("ann:pä:ss".encode()).decode(),
        ),
        ({"bearer": {"token": "t0ken"}}, "Bearer t0ken"),
    ],
)
async def test_authenticates(http: HttpCaller, policy, sent) -> None:
    async with serve(echo) as server:
        heard = await http({"uri": server.url, "authentication": policy}, headers={"Authorization": "other"})
    assert heard["headers"]["authorization"] == sent


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        ("application/json", b'{"a": [1, 2.5, "\\u00fc"]}', {"a": [1, 2.5, "ü"]}),
        ("application/problem+json; charset=utf-8", b"\xef\xbb\xbf[]", []),
        ("application/json", b"", None),
        ("text/plain", "grüße".encode(), "grüße"),
        ("text/plain; charset=ISO-8859-1", "grüße".encode("latin-1"), "grüße"),
        ('text/html; charset="windows-1252"', b"\x80", "€"),
        ("text/plain; charset=punycode", b"plain", "plain"),
        ("text/plain", b"a\xff\x00b", "a��b"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("application/octet-stream", b"\x00\xff", "AP8="),
        ("", b"abc", "YWJj"),
    ],
)
async def test_reads_content_by_its_type(http: HttpCaller, content_type, body, content) -> None:
    async with serve(lambda _: answer(200, body, content_type=content_type)) as server:
        assert await http(server.url) == content


async def test_raw_is_base64_of_the_bytes(http: HttpCaller) -> None:
    packed = gzip.compress(b"[1, 2]")
    async with serve(lambda _: answer(200, packed, content_type="application/json", content_encoding="gzip")) as server:
        assert await http(server.url, output="raw") == base64.b64encode(b"[1, 2]").decode()
        assert await http(server.url) == [1, 2]


async def test_response_shows_the_exchange_without_its_secrets(http: HttpCaller) -> None:
    async with serve(
        lambda _: answer(201, '{"id": 1}', content_type="application/json", X_Many="1", x_many="2")
    ) as server:
        uri = server.url + "/pet?key=hush-hush"
        endpoint = {"uri": uri, "authentication": {"bearer": {"token": "sesame"}}}
        output = await http(
            endpoint, output="response", headers={"X-Shop-Key": "hush", "Cookie": "c=hush", "Accept": "a/b"}
        )
    assert output["request"]["method"] == "GET"
    assert output["request"]["uri"] == server.url + "/pet"
    assert output["request"]["headers"]["accept"] == "a/b"
    assert output["request"]["headers"]["authorization"] == "[redacted]"
    assert output["statusCode"] == 201
    assert output["headers"]["content-type"] == "application/json"
    assert output["headers"]["x-many"] == "1, 2"
    assert output["content"] == {"id": 1}
    assert "hush" not in json.dumps(output)
    assert "sesame" not in json.dumps(output)


async def test_keeps_connections_open_between_calls_and_nothing_else(http: HttpCaller) -> None:
    async with serve(lambda _: answer(200, "", set_cookie="session=1")) as server:
        for _ in range(3):
            await http(server.url)
    assert {request.connection for request in server.received} == {1}
    assert all("cookie" not in request.headers for request in server.received)


async def test_proxies_and_passwords_of_the_environment_are_ignored(monkeypatch, tmp_path, http: HttpCaller) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serve(echo) as server:
        heard = await http(server.url)
    assert "authorization" not in heard["headers"]


async def test_asks_once_and_never_again_by_itself(http: HttpCaller) -> None:
    async with serve(lambda _: answer(503, "later", retry_after="0")) as server:
        with pytest.raises(Fault):
            await http(server.url)
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [300, 302, 304, 400, 401, 404, 429, 500, 503, 599])
async def test_any_status_but_success_is_a_communication_fault_with_that_status(http: HttpCaller, status) -> None:
    async with serve(lambda _: answer(status, location="/elsewhere")) as server:
        with pytest.raises(Fault) as caught:
            await http(server.url)
    assert caught.value.status == status
    assert caught.value.type == STANDARD + "communication"


async def test_a_head_request_has_no_content(http: HttpCaller) -> None:
    async with serve(
        lambda _: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
    ) as server:
        assert await http(server.url, method="head") is None
        assert await http(server.url, method="head") is None


async def test_a_fault_tells_the_errors_text_in_short_and_none_of_what_was_sent(http: HttpCaller) -> None:
    secrets = ("sesame-0pen", 'quo"ted-secret')

    def echo_error(request: Received) -> bytes:
        text = "\x1b[31mNo\n\n  such pet: " + request.body.decode()
        sent = {name: request.headers[name] for name in ("x-key", "authorization")}
        return answer(404, f"{text} {request.target} {json.dumps(sent)} " + "x" * 5000)

    async with serve(echo_error) as server:
        endpoint = {
            "uri": server.url + "/pets?api_key=abcdefgh12",
            "authentication": {"basic": {"username": "ann", "password": "passw0rd"}},
        }
        with pytest.raises(Fault) as caught:
            await http(
                endpoint,
                method="post",
                headers={"X-Key": "kkkk-kkkk"},
                body={"token": "sesame-0pen", "other": 'quo"ted-secret'},
                about={"secrets": secrets},
            )
    text = json.dumps(caught.value.to_json())
    assert "POST to '127.0.0.1' was answered with 404: [31mNo such pet:" in caught.value.detail
    assert caught.value.detail.count("[redacted]") >= 5
    assert len(caught.value.detail) < 400
    for hidden in (
        "sesame",
        "ted-secret",
        "abcdefgh12",
        "kkkk",
        "passw0rd",
        base64.b64encode(b"ann:passw0rd").decode(),
    ):
        assert hidden not in text


@pytest.mark.parametrize(
    "given",
    [
        {"method": "get it"},
        {"method": None},
        {"method": "connect"},
        {"endpoint": None},
        {"endpoint": 7},
        {"endpoint": {"url": "http://127.0.0.1"}},
        {"endpoint": "http://127.0.0.1/" + "x" * 9000},
        {"headers": ["a"]},
        {"headers": {"a b": "c"}},
        {"headers": {"x": "a\r\nhost: b"}},
        {"headers": {"x": {"a": 1}}},
        {"headers": {"x": "€"}},
        {"headers": {"Host": "other"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"x": "y" * 20_000}},
        {"query": "a=1"},
        {"query": {"a": {"b": 1}}},
        {"query": {"a": "x" * 9000}},
        {"body": {"a": 1}, "headers": {"content-type": "application/xml"}},
        {"body": "x" * (http_arguments.MAX_BODY_BYTES + 1)},
        {"output": "yaml"},
        {"redirect": "yes"},
        {"boddy": 1},
        {"endpoint": {"uri": "http://127.0.0.1", "authentication": {"basic": {"username": "a"}}}},
        {"endpoint": {"uri": "http://127.0.0.1", "authentication": {"bearer": {"token": "a b"}}}},
    ],
)
async def test_refuses_arguments_that_cannot_be_sent(http: HttpCaller, given) -> None:
    with pytest.raises(Fault) as caught:
        await http(**{"endpoint": "http://127.0.0.1/", **given})
    assert caught.value.type == STANDARD + "validation"
    assert "secret" not in str(caught.value)


async def test_a_password_in_the_url_is_refused_with_a_hint(http: HttpCaller) -> None:
    with pytest.raises(Fault, match="an endpoint has authentication") as caught:
        await http("http://ann:secret@127.0.0.1/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["certificate", "use"])
async def test_says_which_authentication_is_not_supported(http: HttpCaller, scheme) -> None:
    with pytest.raises(Fault) as caught:
        await http({"uri": "http://127.0.0.1/", "authentication": {scheme: {}}})
    assert caught.value.type == STANDARD + "configuration"


async def test_an_unknown_function_is_a_configuration_fault() -> None:
    with pytest.raises(Fault, match="'fax'") as caught:
        await calls.run("fax", {}, CONTEXT)
    assert caught.value.type == STANDARD + "configuration"


def test_a_context_keeps_its_secrets_out_of_its_text() -> None:
    assert "hush" not in repr(replace(CONTEXT, secrets=("hush",)))


async def test_neither_the_url_nor_a_header_of_a_call_reaches_the_log_of_the_libraries(
    http: HttpCaller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")  # as a runtime may have it, that writes whatever a library tells
    async with serve(lambda _: json_answer("{}")) as server:
        await http(f"{server.url}/?key=s3cr3t-query", headers={"authorization": "Bearer s3cr3t-header"})
    assert "s3cr3t" not in caplog.text
