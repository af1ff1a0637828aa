"""The bench never lets its owner down: whoever fails is named, and everybody else's figures are there."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lib.dev.postgres import Server
from tests.bench import bare, bare_asyncio
from tests.bench.chart import WIDTH, Panel, draw
from tests.bench.contenders import BARE, BARE_ASYNCIO, BARE_STORE, CEILINGS, RATCHET, Contender, prepare
from tests.bench.full import run_all
from tests.bench.lab import Lab
from tests.bench.page import HERE, Found, Page
from tests.bench.parts import PARTS, STEPS_PANEL, measure_throughput
from tests.bench.peers.protocol import STEPS_PER_RUN
from tests.bench.report import Section
from tests.bench.rounds import NotRun, explain, interleave
from tests.bench.sizes import Sizes, up_to
from tests.bench.unfit import WAYS

TINY = Sizes(rounds=1, runs=8, long_tasks=20, clients=10**9)


@dataclass(frozen=True)
class Unfit(Contender):
    """One that fails in the way of its name."""

    def command(self, url: str) -> list[str]:
        return [sys.executable, "-m", "tests.bench.unfit", url, self.name]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The bench's room with a Postgres that waits for no disk."""
    with Server(tmp_path_factory.mktemp("lab") / "data", durable=False) as server:
        yield Lab(server)


def test_who_fails_in_a_round_is_named_and_left_out(lab: Lab):
    unfit = [Unfit(way, f"unfit_{way}", shares=False) for way in WAYS]
    field = [prepare(lab, one, patience=60) for one in (RATCHET, BARE, BARE_ASYNCIO, BARE_STORE)]
    field += [prepare(lab, one, patience=4 if one.name == "hangs" else 60) for one in unfit]
    found = Found()
    measure_throughput(lab, field, TINY, found)
    fit = [RATCHET.name, BARE.name, BARE_ASYNCIO.name, BARE_STORE.name]
    assert [[row[0] for row in section.rows] for section in found.sections] == [fit] * 2
    assert set(found.panels[STEPS_PANEL]) == set(fit)
    judged = [(one.what, one.promised) for one in found.targets if one.met is not None]
    assert judged == [
        ("the bare ceiling's steps/s against ours", "≤ 3×"),
        ("the same in asyncio, a task per run", "≤ 3×"),
        ("the same, of our own store", "≤ 3×"),
    ]
    told = {line.partition(",")[0]: line for line in found.not_run if "one process" in line}
    assert told.keys() == set(WAYS)
    assert "no more room in place" in told["dies"]
    assert "its process ended" in told["vanishes"]
    assert "within 4 s" in told["hangs"]
    assert "after 0 of 40 steps" in told["lies"]


async def drain_new_runs(ceiling: ModuleType, runs: int, batch: int) -> None:
    """All that a ceiling's process does, in this one."""
    await bare.prepare()
    await bare.enqueue(runs)
    async with bare.Link.conn, asyncio.timeout(60):
        await ceiling.drain(batch)


@pytest.mark.parametrize("ceiling", [bare, bare_asyncio])
def test_a_ceiling_begins_no_step_before_the_one_before_it_is_committed(
    lab: Lab, ceiling: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    take_step = bare.take_step
    with lab.copy() as url, lab.connect(url) as another:

        def watched(id: int, number: int) -> dict[str, Any]:
            kept = another.execute("select step from bare_steps where run_id = %s order by step", (id,)).fetchall()
            assert [step for (step,) in kept] == [*range(number)]
            return take_step(id, number)

        monkeypatch.setattr(sys, "argv", ["bare", url])
        monkeypatch.setattr(ceiling, "take_step", watched)
        asyncio.run(drain_new_runs(ceiling, runs=8, batch=5))
        told = another.execute("select status, step, count(*) from bare_runs group by status, step").fetchall()
        assert told == [("done", STEPS_PER_RUN - 1, 8)]
        assert another.execute("select count(*) from bare_steps").fetchone() == (8 * STEPS_PER_RUN,)


def test_a_commit_that_fails_is_told_to_the_runs_that_wait_for_it(monkeypatch: pytest.MonkeyPatch):
    async def fail(rows: list[dict[str, Any]]) -> None:
        raise ValueError("no room")

    async def claim(most: int) -> list[int]:
        return [1, 2]

    monkeypatch.setattr(bare_asyncio, "claim", claim)
    monkeypatch.setattr(bare_asyncio, "commit", fail)
    with pytest.raises(ValueError, match="no room"):
        asyncio.run(bare_asyncio.drain(2))


def test_a_process_that_dies_at_work_is_not_waited_for(lab: Lab):
    endless = Unfit("vanishes", "unfit_at_work")
    with lab.copy() as url, prepare(lab, endless, patience=30).processes(url, 1) as (worker,):
        worker.ask("work", runs=1)
        with pytest.raises(NotRun, match="its process ended"):
            lab.wait_for_none(url, "select 1", 30, worker.check)


def test_a_part_that_fails_ends_no_other_and_keeps_what_was_found_before(tmp_path: Path):
    page = Page(tmp_path)
    page.keep("streams", Found("an earlier command", [Section("Streams", ("clients",), [("7",)])]))
    page.keep("latency", Found("another command", [Section("Latency", ("who",), [("we",)])]))
    latency = json.loads((tmp_path / "found.json").read_text())["latency"]
    failures = run_all(page, TINY, parts=["streams", "long-runs"], field=[RATCHET], command="this command")
    assert failures == 1
    assert json.loads((tmp_path / "found.json").read_text())["latency"] == latency
    text = (tmp_path / "RESULTS.md").read_text()
    assert re.search(r"- streams: `this command` on .*open files .* The figures below are older\.", text)
    assert "<sub>an earlier command</sub>" in text
    assert "<sub>another command</sub>" in text
    assert re.search(r"\| 20 \| .*\n\n<sub>`this command` on ", text)
    assert "- backlog: never asked for" in text
    assert "- long-runs: 100,000 effects (--long-tasks 100000 measures them; it was 20)" in text


def test_the_page_and_its_chart_say_what_was_found():
    text, chart = Page().render(PARTS, RATCHET.name, CEILINGS)
    assert (HERE / "RESULTS.md").read_text() == text
    assert (HERE / "chart.svg").read_text() == chart


def test_what_is_found_takes_the_place_of_a_failure(tmp_path: Path):
    page = Page(tmp_path)
    page.keep_failure("streams", "it was late")
    assert "streams: it was late" in page.write(["streams"], "us", {"sky"})
    page.keep("streams", Found("now"))
    assert "it was late" not in page.write(["streams"], "us", {"sky"})


def fail_after(rounds: int) -> Callable[[], int]:
    """A case that comes through so many rounds."""
    left = iter(range(rounds))

    def run() -> int:
        for number in left:
            return number
        raise ValueError("broken")

    return run


def test_who_fails_late_is_left_out_wholly_and_the_others_go_on():
    kept = interleave(3, {"peer": fail_after(1), "us": fail_after(9)}, vital=["us"])
    assert kept.found == {"us": [0, 1, 2]}
    assert kept.failed == {"peer": "ValueError: broken (round 2 of 3)"}


def test_without_one_that_all_are_held_against_nothing_is_found():
    with pytest.raises(NotRun, match="us: ValueError: broken"):
        interleave(3, {"us": fail_after(1), "peer": fail_after(9)}, vital=["us"])


def test_a_reason_names_no_folder_and_no_address():
    reason = explain(OSError("no\nroom in /home/me/data.txt: see postgresql://me:secret@10.0.0.1/x and/or ask"))
    assert reason == "OSError: no room in data.txt: see <address> and/or ask"


def test_sizes_are_measured_up_to_the_one_that_is_asked_for():
    assert up_to((10, 100), 1000) == [10, 100, 1000]
    assert up_to((10, 100), 100) == [10, 100]
    assert up_to((10, 100), 50) == [10, 50]


def test_in_the_chart_the_ceilings_are_cut_and_the_contenders_fill_the_width():
    bars = {"sky": 70_000, "roof": 50_000, "us": 5_000, "them": 300}
    svg = draw([Panel("speed", bars, {"us": [4_000, 5_200]})], "us", {"sky", "roof"})
    sky, roof, us, them = (float(width) for width in re.findall(r'width="([\d.]+)" height="18"', svg))
    assert us > WIDTH / 2
    assert us <= roof == sky < WIDTH
    assert them / us == pytest.approx(300 / 5_000, rel=0.02)
    assert svg.count("<polygon") == 2
    assert "70,000" in svg
