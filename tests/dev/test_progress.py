import io
from typing import Any

import pytest

from lib.dev.board import describe_result, draw_runs
from lib.dev.errors import DevError
from lib.dev.progress import RunProgress
from lib.dev.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def event(second: float, kind: str, task: str, **data: Any) -> dict[str, Any]:
    return {
        "type": f"io.serverlessworkflow.task.{kind}.v1",
        "data": {"task": task, **data},
        "created_at": f"2026-11-23T12:00:{second:06.3f}Z",
    }


@pytest.fixture
def progress() -> RunProgress:
    """A run that has tried one task twice, inside a task that only holds it."""
    run = RunProgress("checkout", {"status": "pending"})
    events = [
        event(0, "started", "/do/0/pay"),
        event(0, "started", "/do/0/pay/try/0/charge"),
        event(1, "faulted", "/do/0/pay/try/0/charge", error={"status": 503}),
        event(2, "started", "/do/0/pay/try/0/charge"),
        event(2.5, "completed", "/do/0/pay/try/0/charge"),
        event(2.5, "completed", "/do/0/pay"),
    ]
    run.take({"type": "connected", "runId": "x"})
    run.take({"type": "update", "run": {"status": "completed"}, "events": events})
    return run


def test_only_tasks_that_do_something_get_a_line(progress: RunProgress) -> None:
    text = "\n".join(draw_runs([progress], Terminal(io.StringIO())))
    assert text.split("\n")[1:] == [
        "✓ checkout",
        "  ✓ charge              0.50 s  503: tried again",
    ]


def test_a_frame_says_which_tasks_changed_once_each(progress: RunProgress) -> None:
    events = [event(3, "started", "/do/1/receipt"), event(3, "completed", "/do/1/receipt")]
    changed = progress.take({"type": "update", "run": {"status": "completed"}, "events": events})
    assert [(task.name, task.status, task.count) for task in changed] == [("receipt", "completed", 1)]
    progress.take({"type": "complete"})
    assert progress.ended


def test_a_failure_of_the_stream_is_the_demos_failure(progress: RunProgress) -> None:
    with pytest.raises(DevError, match="The stream of checkout failed: no database"):
        progress.take({"type": "error", "error": "no database"})


def test_colours_only_on_a_terminal_that_wants_them(progress: RunProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in "".join(draw_runs([progress], Terminal(Screen())))
    assert "\x1b[" not in "".join(draw_runs([progress], Terminal(io.StringIO())))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in "".join(draw_runs([progress], Terminal(Screen())))


def test_a_result_reads_as_names_values_and_a_table_with_bars() -> None:
    result = {"date": "2026-06-21", "cities": [{"city": "Rome", "hours": 15}, {"city": "Oslo", "hours": 7.5}]}
    assert list(describe_result(result, Terminal(io.StringIO()))) == [
        "  date          2026-06-21",
        "  cities",
        f"    Rome   15  {'█' * 30}",
        f"    Oslo  7.5  {'█' * 15}",
    ]


def test_log_lines_of_functions_read_like_sentences() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.log("runs", '{"event":"request","request_id":"r","method":"GET","route":"/runs","status":200,"ms":3.2}')
    terminal.log("sweep", '{"event":"sweep","request_id":"r","claimed":2,"ended":"drained"}')
    terminal.log("runs", "plain words")
    terminal.log("runs", "  ")
    lines = [line[9:] for line in stream.getvalue().splitlines()]
    assert lines == [
        "runs          GET /runs 200 3 ms",
        "sweep         sweep claimed=2 ended=drained",
        "runs          plain words",
    ]
