"""Reading what was sent: bodies, content types, queries."""

import pytest

from lib.http import Request, Response, answer
from lib.http.request import MAX_BODY_BYTES
from tests.call import call, exchange
from tests.http.serve import serve

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("configure")]


async def echo(request: Request) -> Response:
    return answer(await request.json(empty="nothing"))


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", 'application/json;charset="UTF-8"']
)
async def test_reads_json(content_type: str) -> None:
    found = await call(
        serve(echo, "POST"), "POST", "/x", body=[b'{"a"', b":", b"1}"], headers={"content-type": content_type}
    )
    assert found.json() == {"a": 1}


async def test_no_body_at_all_is_what_the_route_says() -> None:
    assert (await call(serve(echo, "POST"), "POST", "/x")).json() == "nothing"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_another_content_type_is_415_naming_the_right_one(headers: dict[str, str]) -> None:
    found = await call(serve(echo, "POST"), "POST", "/x", body=b"{}", headers=headers)
    assert found.status == 415
    assert "application/json" in found.json()["detail"]


async def test_json_that_is_none_is_400_with_line_and_column() -> None:
    found = await call(
        serve(echo, "POST"), "POST", "/x", body=b'{\n"a" 1}', headers={"content-type": "application/json"}
    )
    assert found.status == 400
    assert (found.json()["line"], found.json()["column"]) == (2, 5)


async def test_takes_a_body_of_just_4_mb() -> None:
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'
    found = await call(serve(echo, "POST"), "POST", "/x", body=body, headers={"content-type": "application/json"})
    assert found.status == 200


async def test_a_larger_body_is_read_to_its_end_and_refused_with_the_limit() -> None:
    chunks = [b"x" * 1024 * 1024] * 5
    async with exchange(serve(echo, "POST"), "POST", "/x", body=chunks) as flight:
        found = await flight.answer()
        assert not flight.unsent
    assert found.status == 413
    assert found.json()["limit"] == MAX_BODY_BYTES
    assert "4 MB" in found.json()["detail"]


async def test_a_body_without_end_is_given_up_on() -> None:
    async with exchange(serve(echo, "POST"), "POST", "/x", body=[b"x" * 1024 * 1024] * 40) as flight:
        assert (await flight.answer()).status == 413
        assert flight.unsent


@pytest.mark.parametrize("query", ["q=%FF", "q=%00", "&".join(f"q{n}=1" for n in range(101))])
async def test_a_query_that_cannot_be_read_is_400(query: str) -> None:
    async def handle(request: Request) -> Response:
        return answer(request.query)

    assert (await call(serve(handle), "GET", f"/x?{query}")).status == 400


async def test_the_first_of_a_repeated_parameter_counts() -> None:
    async def handle(request: Request) -> Response:
        return answer(request.query)

    assert (await call(serve(handle), "GET", "/x?a=1&a=2&b=&c=%C3%A4")).json() == {"a": "1", "b": "", "c": "ä"}
