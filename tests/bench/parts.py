"""The parts of the bench: each measures, and writes what it found, what was promised and what was left out."""

from collections.abc import Callable, Mapping

from tests.bench import backlog, latency, long_runs, phases, scale_out, streams, throughput
from tests.bench.contenders import BARE, BARE_ASYNCIO, BARE_STORE, CEILINGS, RATCHET, Prepared
from tests.bench.lab import Lab, middle, percentile
from tests.bench.page import Found
from tests.bench.peers.protocol import STEPS_PER_RUN
from tests.bench.report import Section, Target, figure, spread, times
from tests.bench.sizes import Sizes, up_to

STEPS_PANEL = "Durable steps per second, one process"
WAL_PANEL = "WAL bytes per step (less is better)"
LATENCY_PANEL = "p50 ms of one run of five steps (less is better)"
ISSUED_CLIENTS = 5000
THROUGHPUT_HEADER = (
    "contender",
    "steps/s",
    "slowest–fastest round",
    "ratchet is so many times as fast",
    "CPU ms/step",
    "WAL B/step",
    "table B/step",
    "writing transactions/run",
)


def measure_throughput(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Everybody with one process, then with two."""
    for processes in (1, 2):
        rounds = throughput.compare(lab, field, processes=processes, runs=sizes.runs, rounds=sizes.rounds)
        named = "one process" if processes == 1 else "two processes"
        page.not_run += [f"{name}, {named}: {why}" for name, why in rounds.failed.items()]
        alone = [each.contender.name for each in field if processes > 1 and not each.contender.shares]
        page.not_run += [f"{name}, {named}: whoever starts a run there executes it, too" for name in alone]
        page.sections.append(_tell_throughput(rounds.found, field, sizes, named))
        if processes == 1:
            _draw_throughput(rounds.found, field, page)
    speeds, wal = page.panels[STEPS_PANEL], page.panels[WAL_PANEL]
    ours = speeds[RATCHET.name]
    for name, least in (("dbos queue", 20.0), ("absurd", 8.0)):
        _promise_at_least(page, f"steps/s against {name}", least, ours / speeds[name] if name in speeds else None)
    _promise_at_most(page, "the bare ceiling's steps/s against ours", 3, speeds[BARE.name] / ours)
    others = {BARE_ASYNCIO.name: "the same in asyncio, a task per run", BARE_STORE.name: "the same, of our own store"}
    for name, what in others.items():
        _promise_at_most(page, what, 3, speeds[name] / ours if name in speeds else None)
    peers = [bytes_ for name, bytes_ in wal.items() if name not in {RATCHET.name, *CEILINGS}]
    _promise_at_most(page, "WAL per step against the best peer", 0.6, wal[RATCHET.name] / min(peers) if peers else None)


def _tell_throughput(
    found: Mapping[str, list[throughput.Measured]], field: list[Prepared], sizes: Sizes, named: str
) -> Section:
    ours = throughput.medians(found[RATCHET.name]).steps_per_second
    counted = {each.contender.name: each.contender.counted for each in field}
    rows = []
    for name, rounds in found.items():
        each = throughput.medians(rounds)
        written = [figure(value) if counted[name] else "–" for value in (each.wal_bytes, each.table_bytes, each.writes)]
        speed, range_ = figure(each.steps_per_second), spread([one.steps_per_second for one in rounds])
        rows.append((name, speed, range_, times(ours / each.steps_per_second), f"{each.cpu_ms_per_step:.2f}", *written))
    note = (
        f"{sizes.runs:,} linear runs of {STEPS_PER_RUN} trivial durable steps, rounds: {sizes.rounds}. From the begin "
        "of the first step to the last commit, which is asked for every 5 ms. CPU is that of the contender's "
        "processes, not of Postgres; WAL is written in those seconds, tables grow from the runs' start on; savepoints "
        f"that write are counted as transactions. The {BARE.name} is no engine: two tables and one statement per step "
        "of a hundred runs. The same with an asyncio task for each run, which awaits the commit of each of its steps, "
        f"is {BARE_ASYNCIO.name}. The {BARE_STORE.name} commits what ratchet commits, through its store, and has no "
        "engine, either: what is above it is the price of the contract, what is below it that of the engine."
    )
    return Section(f"Throughput, {named}", THROUGHPUT_HEADER, rows, note)


def _draw_throughput(found: Mapping[str, list[throughput.Measured]], field: list[Prepared], page: Found) -> None:
    speeds = {name: [one.steps_per_second for one in rounds] for name, rounds in found.items()}
    page.spreads[STEPS_PANEL] = {name: [min(several), max(several)] for name, several in speeds.items()}
    page.panels[STEPS_PANEL] = _sorted({name: middle(several) for name, several in speeds.items()}, reverse=True)
    counted = [each.contender.name for each in field if each.contender.counted and each.contender.name in found]
    page.panels[WAL_PANEL] = _sorted({name: throughput.medians(found[name]).wal_bytes for name in counted})


def measure_phases(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Where the engine's CPU goes, and so the distance to the bare ceilings."""
    found = phases.measure(lab, field[0], runs=sizes.runs)
    whole = sum(found.values())
    rows = [(phase, figure(spent), f"{spent / whole:.0%}") for phase, spent in found.items()]
    rows.append(("all of it", figure(whole), "100%"))
    note = (
        f"CPU of ratchet's process while it sweeps {sizes.runs:,} runs of {STEPS_PER_RUN} steps, after "
        f"{phases.WARM_UP} that do not count: a sample of its stack each millisecond, by the innermost frame of ours. "
        f"Postgres works beside it. The {BARE.name} and {BARE_ASYNCIO.name} have only the last lines of this: no "
        "document, no call, no history."
    )
    page.sections.append(Section("Where a step's CPU goes", ("spent on", "µs/step", "share"), rows, note))


def measure_latency(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Everybody, one run at a time, and ours over HTTP."""
    rounds = latency.compare(lab, field, runs=sizes.latency_runs, rounds=sizes.rounds, http=True)
    page.not_run += [f"{name}: {why}" for name, why in rounds.failed.items()]
    rows, medians = [], {}
    for name, several in rounds.found.items():
        whole, first = ([sample for one in several for sample in one[key]] for key in ("whole", "first"))
        medians[name] = percentile(whole, 50)
        each_p50 = spread([middle(one["whole"]) for one in several])
        cells = (figure(value) for value in (percentile(whole, 99), percentile(first, 50)))
        rows.append((name, figure(medians[name]), each_p50, *cells))
    header = ("contender", "p50 ms", "least–largest p50 of a round", "p99 ms", "first step began, p50 ms")
    note = (
        f"One run of {STEPS_PER_RUN} steps at a time, from its start to its last commit: {sizes.latency_runs} in each "
        f"round, after {latency.WARM_UP} that do not count; rounds: {sizes.rounds}. Over HTTP: from the POST to the "
        "answer that it has completed, with `Prefer: wait`, through the platform's own runtime."
    )
    page.sections.append(Section("Latency", header, rows, note))
    page.panels[LATENCY_PANEL] = _sorted(medians)
    peers = {name: ms for name, ms in medians.items() if not name.startswith((RATCHET.name, *CEILINGS))}
    best = min(peers, key=lambda name: peers[name], default=None)
    mine = medians[RATCHET.name]
    promised = f"< {figure(peers[best])} ms ({best})" if best else "the best peer's"
    met = mine < peers[best] if best else None
    page.targets.append(Target("p50 of one run of five steps", promised, f"{figure(mine)} ms", met))


def measure_backlog(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Claims among many runs, and with nothing due."""
    due = up_to((1_000, 100_000, 1_000_000), sizes.due)
    found = backlog.measure(lab, field[0], due=due, finished=sizes.finished)
    idle = min(sizes.finished, 100_000)
    empty, transactions = backlog.nothing_due(lab, field[0], finished=idle)
    rows = [
        (
            f"{one.due:,}",
            *(cell for several in (one.of_one, one.of_fifty) for cell in (figure(middle(several)), spread(several))),
        )
        for one in found
    ]
    note = (
        f"Claims among {sizes.finished:,} finished runs, packed: {backlog.CLAIMS} of each, taken back again and so "
        "without a wait for the disk; medians, least and largest. With nothing due "
        f"(among {idle:,} finished runs) a claim takes "
        f"{figure(middle(empty))} ms ({spread(empty)}), and a whole sweep {figure(transactions)} transactions."
    )
    header = ("due runs", "claim of 1, ms", "least–largest", "claim of 50, ms", "least–largest")
    page.sections.append(Section("Backlog", header, rows, note))
    _leave_out(page, "due runs", sizes.due, 1_000_000, "--due")
    _leave_out(page, "finished runs", sizes.finished, 10_000_000, "--finished")


def measure_scale_out(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Ever more processes, near and far."""
    counts = up_to((1, 2, 4, 8), sizes.processes)
    found = scale_out.compare(lab, field[0], counts=counts, runs=sizes.scale_runs, rounds=sizes.rounds)
    distances = (0.0, scale_out.DISTANCE_MS)
    rows = [
        (str(count), *(cell for distance in distances for cell in _speeds(found[count, distance]))) for count in counts
    ]
    header = ("processes", "steps/s", "rounds", f"steps/s, {scale_out.DISTANCE_MS:g} ms to the database", "rounds")
    note = (
        f"{sizes.scale_runs:,} runs of {STEPS_PER_RUN} steps, rounds: {sizes.rounds}. Clients, proxy and Postgres "
        "share this machine's cores: more processes than cores show what they cost each other, not what more machines "
        f"give. {scale_out.DISTANCE_MS:g} ms are added to every round trip by a proxy."
    )
    page.sections.append(Section("Scale-out", header, rows, note))
    _leave_out(page, "processes", sizes.processes, 8, "--processes")


def _speeds(rounds: list[float]) -> tuple[str, str]:
    return figure(middle(rounds)), spread(rounds)


def measure_long_runs(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """One run of ever more effects."""
    positions = up_to((10, 1_000, 10_000, 100_000), sizes.long_tasks)
    loop = long_runs.measure(lab, field[0], positions, long_runs.LOOP)
    items = [position for position in positions if position <= long_runs.MOST_ITEMS]
    each = long_runs.measure(lab, field[0], items, long_runs.EACH)
    rows = [
        (f"{position:,}", *_gaps(loop[position]), *(_gaps(each[position]) if position in each else ("–", "–")))
        for position in positions
    ]
    note = (
        "One run, one effect after another: every one is a commit of its own. From one effect's end to the next one's, "
        f"of the last {long_runs.WINDOW} before each number (or of as many as there are); measured once. The loop "
        f"carries a number from effect to effect; the `for` has {max(items):,} items, all of which it carries."
    )
    header = ("effects done", "loop, ms per effect", "p5–p95", "`for`, ms per effect", "p5–p95")
    page.sections.append(Section("Long runs", header, rows, note))
    for found, shape in ((loop, ""), (each, " in a `for` over all of them")):
        last = max(found)
        ratio = middle(found[last]) / middle(found[1_000]) if last > 1_000 else None
        _promise_at_most(page, f"cost per effect after {last:,} against after 1,000{shape}", 1.5, ratio)
    _leave_out(page, "effects", sizes.long_tasks, 100_000, "--long-tasks")


def _gaps(gaps: list[float]) -> tuple[str, str]:
    return figure(middle(gaps)), f"{figure(percentile(gaps, 5))}–{figure(percentile(gaps, 95))}"


def measure_streams(lab: Lab, field: list[Prepared], sizes: Sizes, page: Found) -> None:
    """Ever more clients."""
    counts = up_to((100, 1_000, ISSUED_CLIENTS), sizes.clients)
    streams.allow_clients(max(counts))
    found = [streams.measure(lab, field[0], count) for count in counts]
    names = ("kb_per_client", "idle_queries", "busy_queries", "commits", "busy_cpu_percent")
    times_ = ("delivery_p50", "delivery_p99")
    rows = [(f"{one.clients:,}", *(figure(getattr(one, name)) for name in (*names, *times_))) for one in found]
    header = (
        "clients", "KB each", "queries/s idle", "queries/s busy", "commits/s busy", "CPU %", "event p50 ms", "p99 ms"
    )  # fmt: skip
    note = (
        f"One function process and {streams.RUNS} runs; busy: {streams.COMMITS_PER_SECOND} commits a second are tried, "
        "and are not counted as queries. An event's milliseconds are those from its commit to its client, without the "
        "first second: what comes after a rest may wait for up to a second. The clients are one process on the same "
        "cores. Every number of clients is measured once."
    )
    page.sections.append(Section("Streams", header, rows, note))
    judged = next((one for one in found if one.clients == ISSUED_CLIENTS), None)
    told = figure(judged.busy_queries) if judged else "–"
    met = judged.busy_queries <= 8 if judged else None
    page.targets.append(Target(f"queries/s of one process with {ISSUED_CLIENTS:,} streams", "≤ 8", told, met))
    _leave_out(page, "clients", sizes.clients, ISSUED_CLIENTS, "--clients")


def _sorted(bars: Mapping[str, float], *, reverse: bool = False) -> dict[str, float]:
    return dict(sorted(bars.items(), key=lambda item: item[1], reverse=reverse))


def _promise_at_least(page: Found, what: str, least: float, ratio: float | None) -> None:
    found, met = ("–", None) if ratio is None else (times(ratio), ratio >= least)
    page.targets.append(Target(what, f"≥ {least:g}×", found, met))


def _promise_at_most(page: Found, what: str, most: float, ratio: float | None) -> None:
    found, met = ("–", None) if ratio is None else (times(ratio), ratio <= most)
    page.targets.append(Target(what, f"≤ {most:g}×", found, met))


def _leave_out(page: Found, what: str, measured: int, issued: int, option: str) -> None:
    """Say that it was measured with less than what was promised to be measured."""
    if measured < issued:
        page.not_run.append(f"{issued:,} {what} ({option} {issued} measures them; it was {measured:,})")


COMPARED = ("throughput", "latency")
PARTS: dict[str, Callable[[Lab, list[Prepared], Sizes, Found], None]] = {
    "throughput": measure_throughput,
    "profile": measure_phases,
    "latency": measure_latency,
    "backlog": measure_backlog,
    "scale-out": measure_scale_out,
    "long-runs": measure_long_runs,
    "streams": measure_streams,
}
