"""Which route a path leads to."""

import pytest

from lib.errors import MethodNotAllowed, NotFound
from lib.http import Request, Response, Route, anyone
from lib.http.routes import choose_route, list_verbs, match_path, split_path


async def handle(_: Request) -> Response:
    return Response()


ROUTES = [
    Route(method, pattern, handle, anyone)
    for method, pattern in [
        ("GET", "/workflows/{id}"),
        ("DELETE", "/workflows/{id}"),
        ("GET", "/workflows/{id}/runs"),
        ("POST", "/sweep"),
    ]
]


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    ("path", "pattern", "values"),
    [
        ("/workflows/etl", "/workflows/{id}", {"id": "etl"}),
        ("/workflows/team%2Fetl", "/workflows/{id}", {"id": "team/etl"}),
        ("/workflows/etl@1.0.0", "/workflows/{id}", {"id": "etl@1.0.0"}),
        ("/workflows/etl%401.0.0/runs", "/workflows/{id}/runs", {"id": "etl@1.0.0"}),
        ("/workflows/%C3%A4", "/workflows/{id}", {"id": "ä"}),
        ("/workflows/api", "/workflows/{id}", {"id": "api"}),
    ],
)
def test_matches_bare_and_api_paths(prefix: str, path: str, pattern: str, values: dict[str, str]) -> None:
    route, found = match_path(ROUTES, prefix + path)[0]
    assert (route.pattern, found) == (pattern, values)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/workflow",
        "/workflows/",
        "/workflows/etl/",
        "/workflows//runs",
        "/workflows/a/b",
        "/api/api/workflows/etl",
        "/workflows/%FF",
        "/workflows/a%00b",
        "/WORKFLOWS/etl",
    ],
)
def test_knows_no_other_path(path: str) -> None:
    with pytest.raises(NotFound):
        match_path(ROUTES, path)


def test_head_goes_where_get_goes() -> None:
    route, _ = choose_route(match_path(ROUTES, "/workflows/etl"), "HEAD")
    assert route.method == "GET"


def test_names_the_verbs_a_path_takes() -> None:
    matches = match_path(ROUTES, "/workflows/etl")
    assert list_verbs(matches) == ["DELETE", "GET", "HEAD", "OPTIONS"]
    with pytest.raises(MethodNotAllowed) as caught:
        choose_route(matches, "PATCH")
    assert caught.value.extra["allow"] == ["DELETE", "GET", "HEAD", "OPTIONS"]


def test_offers_no_head_where_there_is_no_get() -> None:
    assert list_verbs(match_path(ROUTES, "/sweep")) == ["OPTIONS", "POST"]


def test_an_encoded_slash_stays_in_its_segment() -> None:
    assert split_path("/a%2Fb/c") == ["a/b", "c"]
