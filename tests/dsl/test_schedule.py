"""When a workflow starts by itself: what the document says, compiled; and what cron expressions mean."""

import json
import re
from datetime import UTC, datetime

import pytest

from lib import dsl
from lib.dsl import cron
from lib.dsl.document import Schedule
from tests.dsl.play import document, event


@pytest.mark.parametrize(
    ("schedule", "compiled"),
    [
        ({"every": {"minutes": 5}}, Schedule(every=300.0)),
        ({"every": "PT1H"}, Schedule(every=3600.0)),
        ({"after": "P1D"}, Schedule(after=86_400.0)),
        ({"cron": "0 0 * * *"}, Schedule(cron="0 0 * * *")),
    ],
)
def test_a_schedule_is_compiled(schedule, compiled):
    assert document(schedule=schedule).schedule == compiled


def test_a_schedule_on_events_is_a_strategy():
    found = document(schedule={"on": {"one": {"with": {"type": "heartbeat.low"}}}}).schedule
    assert found.on.types == ("heartbeat.low",)


def starts(on, *events):
    """What each event starts: a run on these events, none yet ([]), or nothing that was wanted (None)."""
    scheduled, kept, found = document(schedule={"on": on}), None, []
    for entry in events:
        gathered = dsl.gather(scheduled, kept, entry)
        if gathered is None:
            found.append(None)
            continue
        kept = json.loads(json.dumps(gathered.kept))
        found.append([heard["id"] for heard in gathered.input or ()])
    return found


OF_A, OF_B = ({"with": {"type": name}} for name in ("a", "b"))


@pytest.mark.parametrize(
    ("on", "inputs"),
    [
        ({"one": OF_A}, [["1"], None, ["3"], None]),
        ({"any": [OF_A, OF_B]}, [["1"], ["2"], ["3"], None]),
        ({"any": []}, [["1"], ["2"], ["3"], ["4"]]),
        ({"all": [OF_A, OF_B]}, [[], ["1", "2"], [], None]),
        ({"any": [], "until": "length == 2"}, [[], ["1", "2"], [], ["3", "4"]]),
        ({"any": [OF_A], "until": {"one": OF_B}}, [[], ["1"], [], None]),
        ({"one": {"with": {"type": "a", "data": "${ .n > 2 }"}}}, [None, None, ["3"], None]),
        ({"any": [], "until": ".x.y"}, [[], [], [], []]),
    ],
)
def test_events_start_a_run_when_the_strategy_is_met(on, inputs):
    given = [event(type_, {"n": n}, id=str(n)) for n, type_ in enumerate(["a", "b", "a", "c"], 1)]
    assert starts(on, *given) == inputs


def test_without_a_schedule_no_event_is_wanted():
    assert dsl.gather(document(), None, event()) is None


def test_without_a_schedule_there_is_none():
    assert document().schedule is None


@pytest.mark.parametrize(
    ("text", "after", "found"),
    [
        ("* * * * *", "2026-01-31T23:59", "2026-02-01T00:00"),
        ("0 0 * * *", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("*/15 9-10 * * mon-fri", "2026-01-02T10:45", "2026-01-05T09:00"),
        ("5,35 * * * *", "2026-01-01T00:05", "2026-01-01T00:35"),
        ("0 12 1 */3 *", "2026-01-01T12:00", "2026-04-01T12:00"),
        ("0 0 13 * 5", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 * * 7", "2026-01-01T00:00", "2026-01-04T00:00"),
        ("0 0 * JAN,jul Sun", "2026-01-31T00:00", "2026-07-05T00:00"),
        ("10/20 * * * *", "2026-01-01T00:30", "2026-01-01T00:50"),
        ("@daily", "2026-01-01T05:00", "2026-01-02T00:00"),
        ("@hourly", "2026-01-01T05:00", "2026-01-01T06:00"),
    ],
)
def test_a_cron_expression_names_the_next_moment(text, after, found):
    start, expected = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (after, found))
    assert cron.parse(text).next_after(start) == expected


def test_a_moment_of_another_time_zone_is_the_same_moment():
    start = datetime.fromisoformat("2026-01-01T01:30:00+02:00")
    assert cron.parse("0 * * * *").next_after(start) == datetime(2026, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "`` has 0 fields, but a cron expression has five: minute, hour, day of the month"),
        ("0 0 * * * *", "`0 0 * * * *` has 6 fields"),
        ("60 * * * *", "`60` is no minute: it goes from 0 to 59"),
        ("* 24 * * *", "`24` is no hour: it goes from 0 to 23"),
        ("* * 0 * *", "`0` is no day of the month: it goes from 1 to 31"),
        ("* * * 13 *", "`13` is no month: it goes from 1 to 12"),
        ("* * * * 8", "`8` is no day of the week: it goes from 0 to 7"),
        ("* * * fun *", "`fun` is no month"),
        ("5-1 * * * *", "`5-1` names no minute at all"),
        ("*/0 * * * *", "`*/0` names no minute at all"),
        ("? * * * *", "`?` is no minute: write a number, a range like 1-5, a list like 1,3 or */5"),
        ("0 0 30 2 *", "no such day ever comes"),
    ],
)
def test_a_cron_expression_that_means_nothing_is_refused(text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        cron.parse(text)
