"""The whole bench: every part, in order, into one page."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from tests.bench import backlog, latency, long_runs, scale_out, streams, throughput
from tests.bench.contenders import BARE, PEERS_OF_OURS, RATCHET, Contender, Prepared, prepare
from tests.bench.lab import Lab, describe_machine, percentile, say
from tests.bench.page import Found, keep, write_page
from tests.bench.report import Section, Target, figure, times

PARTS = ("throughput", "latency", "backlog", "scale-out", "long-runs", "streams")


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    runs: int = 1000
    rounds: int = 3
    latency_runs: int = 100
    finished: int = 1_000_000
    due: int = 1_000_000
    scale_runs: int = 2000
    long_tasks: int = 100_000
    clients: int = 5000

    @classmethod
    def defaults(cls) -> dict[str, int]:
        """By name."""
        return {field.name: int(str(field.default)) for field in fields(cls)}


def run_all(lab: Lab, sizes: Sizes, *, parts: Sequence[str], peers: bool, command: str) -> None:
    """Run these parts and write the page and its chart; of the others it keeps what they found before."""
    field, absent = prepare_field(lab, [RATCHET, BARE, *(PEERS_OF_OURS if peers else [])])
    versions = [f"{one.contender.name}: {one.contender.version()}" for one in field if not one.contender.ours]
    missing = [f"not run: {name} ({why})" for name, why in absent.items()]
    for part in parts:
        say(part)
        found = Found(
            f"{f'`python -m tests.bench {command}'.strip()}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
            f"{describe_machine(lab)}. {'; '.join(versions + missing)}"
        )
        _PARTS[part](lab, field, sizes, found)
        keep(part, found)
    print(write_page(PARTS, RATCHET.name))


def prepare_field(lab: Lab, contenders: Sequence[Contender]) -> tuple[list[Prepared], dict[str, str]]:
    """Who can run here, and why the others cannot."""
    field, absent = [], {}
    for contender in contenders:
        prepared = prepare(lab, contender)
        if isinstance(prepared, Prepared):
            field.append(prepared)
        else:
            absent[contender.name] = prepared
            say(f"not run: {contender.name}: {prepared}")
    return field, absent


def _throughput(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    header = (
        "contender",
        "steps/s",
        "runs/s",
        "ratio to ratchet",
        "CPU ms/step",
        "WAL B/step",
        "table B/step",
        "transactions/run",
    )
    one: dict[str, throughput.Measured] = {}
    for processes in (1, 2):
        rounds = throughput.compare(lab, field, processes=processes, runs=sizes.runs, rounds=sizes.rounds)
        found = {name: throughput.medians(several) for name, several in rounds.items()}
        one = one or found
        ours = found[RATCHET.name].steps_per_second
        counted = {each.contender.name: each.contender.counted for each in field}
        rows = [
            (
                name,
                figure(each.steps_per_second),
                figure(each.steps_per_second / throughput.STEPS_PER_RUN),
                times(each.steps_per_second / ours),
                f"{each.cpu_ms_per_step:.2f}",
                *(
                    (figure(each.wal_bytes), figure(each.table_bytes), figure(each.transactions))
                    if counted[name]
                    else ("–", "–", "–")
                ),
            )
            for name, each in found.items()
        ]
        note = f"{sizes.runs:,} linear runs of five trivial durable steps, {sizes.rounds} rounds."
        page.sections.append(
            Section(f"Throughput, {processes} process{'es' if processes > 1 else ''}", header, rows, note)
        )
    speeds = {name: each.steps_per_second for name, each in one.items()}
    page.panels["Durable steps per second, one process"] = dict(sorted(speeds.items(), key=lambda item: -item[1]))
    wal = {each.contender.name: one[each.contender.name].wal_bytes for each in field if each.contender.counted}
    page.panels["WAL bytes per step (less is better)"] = dict(sorted(wal.items(), key=lambda item: item[1]))
    _judge_throughput(speeds, wal, page)


def _judge_throughput(speeds: dict[str, float], wal: dict[str, float], page: Found) -> None:
    ours = speeds[RATCHET.name]
    for name, least in (("dbos queue", 20.0), ("absurd", 8.0)):
        ratio = ours / speeds[name] if name in speeds else None
        found = times(ratio) if ratio else "–"
        page.targets.append(Target(f"steps/s against {name}", f"≥ {least:g}×", found, ratio and ratio >= least))
    ceiling = speeds[BARE.name] / ours
    page.targets.append(Target("the bare ceiling's steps/s against ours", "≤ 3×", times(ceiling), ceiling <= 3))
    peers = [bytes_ for name, bytes_ in wal.items() if name not in (RATCHET.name, BARE.name)]
    ratio = wal[RATCHET.name] / min(peers) if peers else None
    found = f"{ratio:.2f}×" if ratio else "–"
    page.targets.append(Target("WAL per step against the best peer", "≤ 0.6×", found, ratio and ratio <= 0.6))


def _latency(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    found = latency.compare(lab, field, runs=sizes.latency_runs, rounds=sizes.rounds)
    ours = next(each for each in field if each.contender is RATCHET)
    found["ratchet over HTTP"] = latency.over_http(lab, ours, sizes.latency_runs * sizes.rounds)
    rows = []
    for name, samples in found.items():
        whole, first = samples["whole"], samples["first"]
        cells = [percentile(whole, 50), percentile(whole, 99), percentile(first, 50)]
        rows.append((name, *map(figure, cells)))
    header = ("contender", "p50 ms", "p99 ms", "first step began, p50 ms")
    note = "One run of five steps at a time, from start to last commit. Over HTTP: POST to `completed`, real runtime."
    page.sections.append(Section("Latency", header, rows, note))
    medians = {name: percentile(samples["whole"], 50) for name, samples in found.items()}
    page.panels["p50 ms of one run of five steps (less is better)"] = dict(
        sorted(medians.items(), key=lambda item: item[1])
    )
    peers = {name: ms for name, ms in medians.items() if not name.startswith(("ratchet", "bare"))}
    if peers:
        best = min(peers, key=lambda name: peers[name])
        promised = f"< {figure(peers[best])} ms ({best})"
        mine = medians[RATCHET.name]
        page.targets.append(Target("p50 of one run of five steps", promised, f"{figure(mine)} ms", mine < peers[best]))


def _backlog(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    due = [count for count in (1_000, 100_000, 1_000_000) if count <= sizes.due]
    found = backlog.measure(lab, field[0], due=due, finished=sizes.finished)
    empty, transactions = backlog.nothing_due(lab, field[0], finished=min(sizes.finished, 100_000))
    rows = [(f"{count:,}", figure(one), figure(fifty)) for count, one, fifty in found]
    note = (
        f"Claims among {sizes.finished:,} finished runs. With nothing due a claim takes {figure(empty)} ms, "
        f"and a whole sweep {figure(transactions)} transactions."
    )
    page.sections.append(Section("Backlog", ("due runs", "claim of 1, ms", "claim of 50, ms"), rows, note))


def _scale_out(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    counts = [1, 2, 4, 8]
    found = scale_out.compare(lab, field[0], counts=counts, runs=sizes.scale_runs, rounds=sizes.rounds)
    rows = [(str(count), figure(found[count, 0.0]), figure(found[count, scale_out.DISTANCE_MS])) for count in counts]
    header = ("processes", "steps/s", f"steps/s, {scale_out.DISTANCE_MS:g} ms to the database")
    note = f"{sizes.scale_runs:,} runs; clients, proxy and Postgres share this machine's cores."
    page.sections.append(Section("Scale-out", header, rows, note))


def _long_runs(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    positions = [position for position in (10, 1_000, 10_000, 100_000) if position <= sizes.long_tasks]
    found = long_runs.measure(lab, field[0], positions)
    rows = [(f"{position:,}", figure(ms)) for position, ms in found.items()]
    note = "One run, one effect after another: every one is a commit of its own."
    page.sections.append(Section("Long runs", ("effects done", "ms per effect"), rows, note))
    ratio = found[positions[-1]] / found[1_000]
    what = f"cost per task after {positions[-1]:,} against after 1,000"
    page.targets.append(Target(what, "flat (≤ 1.5×)", f"{ratio:.2f}×", ratio <= 1.5))


def _streams(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    counts = [count for count in (100, 1_000, 5_000) if count <= sizes.clients]
    found = [streams.measure(lab, field[0], count) for count in counts]
    names = ("kb_per_client", "idle_queries", "busy_queries", "busy_cpu_percent", "delivery_p50", "delivery_p99")
    rows = [(f"{one.clients:,}", *(figure(getattr(one, name)) for name in names)) for one in found]
    header = ("clients", "KB each", "queries/s idle", "queries/s busy", "CPU %", "event p50 ms", "p99 ms")
    busy = f"{streams.RUNS} runs, {streams.COMMITS_PER_SECOND} commits a second"
    note = f"One function process; busy: {busy}. An event's milliseconds are those from its commit to its client."
    page.sections.append(Section("Streams", header, rows, note))
    most = found[-1]
    told = f"{figure(most.busy_queries)} with {most.clients:,}"
    page.targets.append(Target("queries/s of one process with 5,000 streams", "≤ 8", told, most.busy_queries <= 8))


_PARTS = {
    "throughput": _throughput,
    "latency": _latency,
    "backlog": _backlog,
    "scale-out": _scale_out,
    "long-runs": _long_runs,
    "streams": _streams,
}
