"""The bench never lets its owner down: whoever fails is named, and everybody else's figures are there."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.dev.postgres import Server
from tests.bench.chart import WIDTH, Panel, draw
from tests.bench.contenders import BARE, RATCHET, Contender, prepare
from tests.bench.full import run_all
from tests.bench.lab import Lab
from tests.bench.page import HERE, Found, Page
from tests.bench.parts import PARTS, STEPS_PANEL, measure_throughput
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
    field = [prepare(lab, one, patience=60) for one in (RATCHET, BARE)]
    field += [prepare(lab, one, patience=4 if one.name == "hangs" else 60) for one in unfit]
    found = Found()
    measure_throughput(lab, field, TINY, found)
    assert [[row[0] for row in section.rows] for section in found.sections] == [[RATCHET.name, BARE.name]] * 2
    assert set(found.panels[STEPS_PANEL]) == {RATCHET.name, BARE.name}
    told = {line.partition(",")[0]: line for line in found.not_run if "one process" in line}
    assert told.keys() == set(WAYS)
    assert "no more room in place" in told["dies"]
    assert "its process ended" in told["vanishes"]
    assert "within 4 s" in told["hangs"]
    assert "after 0 of 40 steps" in told["lies"]


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
    text, chart = Page().render(PARTS, RATCHET.name, BARE.name)
    assert (HERE / "RESULTS.md").read_text() == text
    assert (HERE / "chart.svg").read_text() == chart


def test_what_is_found_takes_the_place_of_a_failure(tmp_path: Path):
    page = Page(tmp_path)
    page.keep_failure("streams", "it was late")
    assert "streams: it was late" in page.write(["streams"], "us", "sky")
    page.keep("streams", Found("now"))
    assert "it was late" not in page.write(["streams"], "us", "sky")


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


def test_in_the_chart_the_ceiling_is_cut_and_the_contenders_fill_the_width():
    svg = draw([Panel("speed", {"sky": 70_000, "us": 5_000, "them": 300}, {"us": [4_000, 5_200]})], "us", "sky")
    sky, us, them = (float(width) for width in re.findall(r'width="([\d.]+)" height="18"', svg))
    assert us > WIDTH / 2
    assert us <= sky < WIDTH
    assert them / us == pytest.approx(300 / 5_000, rel=0.02)
    assert svg.count("<polygon") == 1
    assert "70,000" in svg
