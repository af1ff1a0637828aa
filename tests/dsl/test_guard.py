"""Whatever an expression does, it ends soon, takes little, and nothing else in the process notices."""

import asyncio
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lib import errors
from lib.dsl import Completed, advance, guard_helper, guard_pool, guard_process, load_document, start
from lib.dsl.expressions import Expression, ExpressionSyntaxError
from lib.dsl.faults import Fault
from lib.dsl.guard_pool import POOL
from lib.dsl.guard_process import Helper

CASES = Path(__file__).parent / "cases"
HOSTILE = [line for line in (CASES / "hostile.txt").read_text().splitlines() if line and not line.startswith("# ")]
INPUT = {"s": "ab", "huge": 1e9, "long": "a" * 38 + "!"}
ENDLESS, BOMB, ORDINARY = "[repeat(1)]", ".s * .huge", "[range(3)]"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def evaluate(text: str, input: Any = INPUT) -> Any:
    return Expression(text).evaluate(input, {})


def fault(text: str) -> str:
    with pytest.raises(Fault) as caught:
        evaluate(text)
    assert caught.value.type.endswith("/expression")
    return caught.value.detail or ""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Helpers that have a tenth of their time."""
    POOL.close()
    monkeypatch.setattr(guard_pool, "SECONDS", 0.15)
    yield
    POOL.close()


@pytest.fixture
def helper() -> Iterator[Helper]:
    """The only helper that waits, so the one that will be asked next."""
    POOL.close()
    evaluate(ORDINARY)
    (only,) = POOL._idle
    yield only
    POOL.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The programs that helpers were given."""
    programs: list[bytes] = []
    ask = POOL.ask

    def note(program: bytes, values: bytes | None) -> tuple[bytes, str]:
        programs.append(program)
        return ask(program, values)

    monkeypatch.setattr(POOL, "ask", note)
    return programs


def process(helper: Helper) -> "subprocess.Popen[bytes]":
    return helper._process


def wait_until(holds: Any, seconds: float = 20) -> None:
    """Other processes tell nobody what they do: all one can do is look."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- Hostile expressions


def largest_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_expression_is_refused_or_faults_in_time_and_costs_us_nothing(text: str, impatient: None):
    memory, began = largest_memory(), time.monotonic()
    with pytest.raises((Fault, ExpressionSyntaxError)) as refusal:
        evaluate(text)
    assert "not defined" not in str(refusal.value)
    assert "syntax error" not in str(refusal.value)
    assert time.monotonic() - began < guard_pool.SECONDS + 1
    assert largest_memory() - memory < 32 * 1024 * 1024
    assert evaluate(ORDINARY) == [0, 1, 2]
    assert evaluate(".a + 1", {"a": 1}) == 2


def test_there_are_enough_hostile_expressions():
    assert len(HOSTILE) >= 60


def test_a_fault_says_what_was_too_much(impatient: None):
    assert fault(ENDLESS) == "it took longer than 0.15 s (in `[repeat(1)]`)"
    assert fault(BOMB) == "it needed more than 256 MiB of memory, or broke jq (in `.s * .huge`)"


def test_a_bomb_that_goes_off_when_it_is_compiled_is_a_syntax_error():
    with pytest.raises(ExpressionSyntaxError, match="it cannot be compiled: it needed more than 256 MiB"):
        Expression('"x" * 1e9')


@pytest.mark.anyio
async def test_a_process_that_gets_no_time_for_a_while_fails_no_expression(helper: Helper):
    expression = Expression(ORDINARY)
    os.kill(process(helper).pid, signal.SIGSTOP)
    goes_on = threading.Timer(3 * guard_pool.LOOP_SECONDS, os.kill, (process(helper).pid, signal.SIGCONT))
    goes_on.start()
    assert expression.evaluate(None, {}) == [0, 1, 2]
    goes_on.join()


def test_who_was_frozen_itself_finds_the_answer_though_its_time_is_over(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
):
    expression = Expression(ORDINARY)
    monkeypatch.setattr(guard_process, "PATIENCE_SECONDS", 1e-9)
    monkeypatch.setattr(guard_process, "LAST_LOOK_SECONDS", 10)
    assert expression.evaluate(None, {}) == [0, 1, 2]


def test_a_process_that_gets_no_time_at_all_is_not_the_expressions_fault(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
):
    expression = Expression(ORDINARY)
    monkeypatch.setattr(guard_process, "PATIENCE_SECONDS", 0.1)
    os.kill(process(helper).pid, signal.SIGSTOP)
    with pytest.raises(Fault, match=r"it got no time to answer within 0\.1 s") as caught:
        expression.evaluate(None, {})
    assert caught.value.type.endswith("/runtime")
    monkeypatch.undo()
    assert evaluate(ORDINARY) == [0, 1, 2]


def test_a_result_that_is_too_large_is_a_fault_and_its_helper_lives(helper: Helper):
    assert fault('"x" * 5000000').startswith("the result has 5000002 characters, more than 4194304")
    assert POOL._idle == [helper]


@on_linux
def test_a_helper_of_a_large_process_has_not_grown_for_that():
    large = bytearray(128 * 1024 * 1024)
    large[::4096] = b"x" * len(large[::4096])  # held, not only promised
    POOL.close()
    evaluate(ORDINARY)
    (first,) = POOL._idle
    evaluate(ORDINARY)
    assert POOL._idle == [first]
    POOL.close()


def test_a_helper_that_has_grown_is_replaced(helper: Helper):
    assert evaluate('"x" * 100000000 | length') == 100_000_000
    assert helper not in POOL._idle
    assert evaluate(ORDINARY) == [0, 1, 2]


def test_values_that_are_too_large_to_run_here_run_under_guard(asked: list[bytes]):
    expression = Expression(".a + .b | length")
    assert expression.evaluate({"a": "x", "b": "y"}, {}) == 2
    assert not asked
    assert expression.evaluate({"a": "x" * 100_000, "b": "y"}, {}) == 100_001
    assert asked


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (".s * 3", "ababab"),
        ('.s / "a"', ["", "b"]),
        ("[1, 2, 1] - [1]", [2]),
        (".o * {a: {c: 2}}", {"a": {"b": 1, "c": 2}}),
    ],
)
def test_what_is_not_about_numbers_is_calculated_under_guard(text: str, result: Any, asked: list[bytes]):
    assert evaluate(text, {**INPUT, "o": {"a": {"b": 1}}}) == result
    assert asked


# --- The life of a helper


def test_one_that_is_killed_at_work_fails_that_evaluation_alone(helper: Helper, monkeypatch: pytest.MonkeyPatch):
    expression = Expression(ENDLESS)
    at_work = threading.Event()
    ask = helper.ask

    def note(program: bytes, values: bytes | None, seconds: float) -> tuple[bytes, str]:
        at_work.set()
        return ask(program, values, seconds)

    monkeypatch.setattr(helper, "ask", note)
    with ThreadPoolExecutor(1) as threads:
        lost = threads.submit(expression.evaluate, None, {})
        assert at_work.wait(20)
        process(helper).kill()
        with pytest.raises(Fault, match="broke jq"):
            lost.result()
    assert evaluate(ORDINARY) == [0, 1, 2]


def test_one_that_is_killed_at_rest_is_missed_by_nobody(helper: Helper):
    process(helper).kill()
    wait_until(lambda: not helper.alive)
    assert evaluate(ORDINARY) == [0, 1, 2]


def test_after_a_loss_there_is_another_one_already(helper: Helper, impatient: None):
    fault(BOMB)
    assert len(POOL._idle) == guard_pool.SPARES


def test_many_threads_share_few_helpers():
    POOL.close()
    expression, other = Expression("[range(.n)] | length"), Expression(".n + 1")

    def both(number: int) -> tuple[Any, Any]:
        return expression.evaluate({"n": number}, {}), other.evaluate({"n": number}, {})

    with ThreadPoolExecutor(200) as threads:
        assert list(threads.map(both, range(200))) == [(number, number + 1) for number in range(200)]
    assert len(POOL._idle) <= guard_pool.HELPERS


def children() -> set[int]:
    """The living and the zombies; the tests' own Postgres may be among them."""
    listed = (path for path in Path("/proc").iterdir() if path.name.isdigit())
    ours = set()
    for path in listed:
        with suppress(OSError):
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                ours.add(int(path.name))
    return ours


@on_linux
def test_neither_processes_nor_descriptors_remain_of_the_lost(helper: Helper):
    others = children() - {process(helper).pid}
    fault(BOMB)
    before = open_descriptors()
    for _ in range(100):
        fault(BOMB)
    POOL.close()
    wait_until(lambda: not any(thread.name == guard_process.REAPER for thread in threading.enumerate()))
    gc.collect()
    assert open_descriptors() < before
    assert children() <= others


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_where_no_process_can_be_started_it_is_not_the_expressions_fault(monkeypatch: pytest.MonkeyPatch):
    expression = Expression(ORDINARY)
    POOL.close()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Fault, match="There is no helper process for this expression") as caught:
        expression.evaluate(None, {})
    assert caught.value.type.endswith("/runtime")
    with pytest.raises(errors.Unavailable):
        Expression(ORDINARY)
    assert evaluate(".a + 1", {"a": 1}) == 2


def test_where_a_process_dies_at_once_it_is_not_the_expressions_fault(monkeypatch: pytest.MonkeyPatch):
    expression = Expression(ORDINARY)
    POOL.close()
    monkeypatch.setattr(guard_process, "MEMORY_BYTES", "nonsense")
    with pytest.raises(Fault, match="There is no helper process for this expression"):
        expression.evaluate(None, {})


# --- Event loops


@pytest.mark.anyio
async def test_an_event_loop_waits_a_short_while_only(helper: Helper, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard_pool, "LOOP_SECONDS", 0.05)
    assert fault(ENDLESS) == "it took longer than 0.05 s (in `[repeat(1)]`)"


@pytest.mark.anyio
async def test_an_event_loop_does_not_stand_in_line(helper: Helper):
    for _ in range(guard_pool.HELPERS):
        assert POOL._places.acquire(blocking=False)
    try:
        assert evaluate(ORDINARY) == [0, 1, 2]
    finally:
        POOL._places.release(guard_pool.HELPERS)


@pytest.mark.anyio
async def test_a_loop_goes_on_while_a_thread_waits(helper: Helper, impatient: None):
    turns = 0
    hostile = asyncio.create_task(asyncio.to_thread(fault, ENDLESS))
    while not hostile.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert "it took longer" in await hostile
    assert turns > 20


# --- The walls


@on_linux
def test_a_helper_has_neither_environment_nor_files_nor_much_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "s3cr3t")
    leaky, other_end = os.pipe()
    os.set_inheritable(leaky, True)
    POOL.close()
    evaluate(ORDINARY)
    folder = Path("/proc") / str(process(POOL._idle[0]).pid)
    os.close(leaky)
    os.close(other_end)
    assert b"s3cr3t" not in (folder / "environ").read_bytes()
    open_files = {path.name: str(path.readlink()) for path in (folder / "fd").iterdir()}
    assert sorted(open_files) == ["0", "1", "2", "3"]
    assert open_files["3"] == f"{folder}/statm"  # its own size; nothing of ours
    limits = (folder / "limits").read_text()
    assert f"Max address space         {guard_process.MEMORY_BYTES}" in limits
    for closed in ("Max core file size        0", "Max processes             0", "Max file size             0"):
        assert closed in limits
    assert (folder / "cwd").readlink() == Path("/")


@pytest.mark.parametrize("text", ["env", "$ENV", "def f: env; f", "[env, $ENV] | tojson", "$__prog_args?", "$__loc__"])
def test_an_expression_under_guard_sees_no_environment(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "s3cr3t")
    POOL.close()
    with suppress(ExpressionSyntaxError, Fault):
        assert "s3cr3t" not in str(evaluate(text))


def test_local_time_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert evaluate('0 | strflocaltime("%H %Z")') == "00 UTC"


# --- Processes that have helpers


def script(text: str, **options: Any) -> "subprocess.Popen[str]":
    code = "import os\nfrom lib.dsl.expressions import Expression\nfrom lib.dsl.guard_pool import POOL\n" + text
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def gone(pid: int) -> bool:
    """Whether the process has ended; somebody else may still have to hear of it."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] in ("", "Z")


def test_a_process_that_ends_takes_its_helpers_along_and_says_nothing():
    child = script('Expression("[range(3)]").evaluate(None, {}); print(POOL._idle[0]._process.pid)')
    out, err = child.communicate(timeout=30)
    assert (err, child.returncode) == ("", 0)
    wait_until(lambda: gone(int(out)))


def test_a_process_that_is_killed_takes_its_helpers_along():
    child = script(
        'Expression("[range(3)]").evaluate(None, {}); print(POOL._idle[0]._process.pid, flush=True); input()'
    )
    assert child.stdout
    pid = int(child.stdout.readline())
    child.kill()
    child.communicate(timeout=30)
    wait_until(lambda: gone(pid))


def test_a_forked_process_has_helpers_of_its_own():
    child = script(
        """
expression = Expression("[range(3)]")
def pid():
    assert expression.evaluate(None, {}) == [0, 1, 2]
    return POOL._idle[-1]._process.pid
mine = pid()
child = os.fork()
if not child:
    os._exit(0 if pid() != mine else 1)
assert os.waitpid(child, 0)[1] == 0
assert pid() == mine
"""
    )
    assert child.communicate(timeout=30) == ("", "")
    assert child.returncode == 0


def test_the_helper_needs_nothing_of_ours():
    imports = {"functools", "os", "resource", "signal", "sys", "collections.abc", "jq"}
    lines = Path(guard_helper.__file__).read_text().splitlines()
    assert {line.split()[1] for line in map(str.strip, lines) if line.startswith(("import ", "from "))} == imports


def test_a_transition_pauses_after_an_expression_that_took_all_its_time(impatient: None):
    hopeless = {"try": [{"hang": {"set": {"x": f"${{ {ENDLESS} }}"}}}], "catch": {}}
    document = load_document(
        {
            "document": {"dsl": "1.0.3", "namespace": "default", "name": "slow", "version": "1.0.0"},
            "do": [{"loop": {"for": {"in": "${ [1, 2, 3] }"}, "do": [{"attempt": hopeless}]}}],
        }
    )
    now = datetime(2030, 1, 1, tzinfo=UTC)
    transition = start(document, run_id="r", input={}, now=now)
    pauses = 0
    while transition.more:
        pauses += 1
        transition = advance(document, transition.state, (), now=now)
    assert pauses == 2  # three transitions, one for each evaluation
    assert isinstance(transition.outcome, Completed)
