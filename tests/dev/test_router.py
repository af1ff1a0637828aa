from pathlib import Path

import pytest

from lib.dev.errors import DevError
from lib.dev.router import FunctionCall, Rewrite, Router, StaticFile

RUN = "0192f0c1-2b3a-7000-8000-000000000000"


@pytest.fixture(scope="module")
def ours() -> Router:
    return Router(Path(__file__).parents[2])


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/workflows", "workflows"),
        ("/workflows/daylight", "workflow"),
        ("/workflows/daylight@1.0.0", "workflow"),
        ("/workflows/examples%2Fdaylight", "workflow"),
        ("/workflows/examples%2Fdaylight/runs", "workflow_runs"),
        ("/runs", "runs"),
        (f"/runs/{RUN}", "run"),
        *[(f"/runs/{RUN}/{verb}", "run") for verb in ("cancel", "suspend", "resume", "retry", "diagnosis")],
        (f"/runs/{RUN}/events", "run_events"),
        (f"/runs/{RUN}/steps", "run_events"),
        (f"/runs/{RUN}/stream", "run_stream"),
        ("/sweep", "sweep"),
        ("/health", "health"),
    ],
)
def test_every_url_of_the_contract_reaches_its_function(ours: Router, prefix: str, path: str, function: str) -> None:
    found = ours.find(prefix + path + "?after=3")
    assert isinstance(found, FunctionCall)
    assert found.function == function
    assert found.target.startswith(prefix + path + "?after=3")


@pytest.mark.parametrize(
    "path",
    [
        "/lib/config.py", "/sql/tables/0001_workflows.sql", "/vercel.json", "/requirements.txt", "/Makefile",
        "/api/nothing", "/runs/x/unknown", "/runs/x/stream/y", "/workflows/a/b", "/.env", "/api/__init__",
        "/../vercel.json", "/%2e%2e/vercel.json", "/..%2fvercel.json", "/%00", "/workflows//runs",
    ],
)  # fmt: skip
def test_source_and_unknown_paths_are_not_served(ours: Router, path: str) -> None:
    assert ours.find(path) is None


def test_the_first_page_is_a_file_of_public(ours: Router) -> None:
    found = ours.find("/")
    assert isinstance(found, StaticFile)
    assert found.path.name == "index.html"
    assert found.media_type == "text/html"


def test_every_rewrite_of_ours_leads_to_a_function_or_a_file(ours: Router) -> None:
    assert [rewrite.destination for rewrite in ours.rewrites if ours.find(rewrite.destination) is None] == []


def test_files_win_over_rewrites_and_functions_need_a_top_level_app(project: Path) -> None:
    router = Router(project)
    assert isinstance(router.find("/deep/page.css"), StaticFile)
    assert router.find("/deep") is None
    assert set(router.functions) == {"broken", "toy"}


def test_the_first_pattern_that_matches_gives_the_max_duration(project: Path) -> None:
    functions = Router(project).functions
    assert (functions["broken"].max_duration, functions["toy"].max_duration) == (7, 60)


def test_path_parameters_come_behind_the_clients_own_query(project: Path) -> None:
    found = Router(project).find("/things/a%2Fb/go?id=mine")
    assert found == FunctionCall("toy", "/things/a%2Fb/go?id=mine&id=a%2Fb&action=go")


# What `getTransformedRoutes` of npm @vercel/routing-utils 6.6.0 makes of the same sources.
@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("/workflows", "/workflows"),
        ("/workflows/:id", "/workflows(?:/([^/]+?))"),
        ("/workflows/:id/runs", "/workflows(?:/([^/]+?))/runs"),
        ("/runs/:id/(events|steps)", "/runs(?:/([^/]+?))(?:/(events|steps))"),
        ("/runs/:id/:action(cancel|retry)", "/runs(?:/([^/]+?))(?:/(cancel|retry))"),
    ],
)
def test_sources_become_the_platforms_own_patterns(source: str, pattern: str) -> None:
    assert Rewrite.read(source, "/api/x").pattern.pattern == pattern


@pytest.mark.parametrize("source", ["/a/:rest*", "/a{/b}?", "/a-:id"])
def test_refuses_a_source_it_would_match_differently(source: str) -> None:
    with pytest.raises(DevError, match="does not understand"):
        Rewrite.read(source, "/api/x")
