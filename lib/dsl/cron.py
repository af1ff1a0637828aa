"""Cron expressions of five fields, in UTC: which moments they name."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS, 1)},
    "day of the week": {name: number for number, name in enumerate(_DAYS)},
}
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_HORIZON_DAYS = 366 * 9  # every date there is comes back within eight years


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes, hours, days and months that a cron expression names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  # both kinds of days are restricted: then one of them is enough

    def next_after(self, moment: datetime) -> datetime:
        """The first moment later than this one, in UTC; raises ValueError when there is none."""
        start = moment.astimezone(UTC)
        day = start.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_HORIZON_DAYS):
            if self._has_day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        found = day.replace(hour=hour, minute=minute)
                        if found > start:
                            return found
            day += timedelta(days=1)
        raise ValueError("no such day ever comes")

    def _has_day(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays
        return of_month or of_week if self.either else of_month and of_week


def parse(text: str) -> Cron:
    """The meaning of a cron expression; raises ValueError with a sentence."""
    fields = _SHORTHANDS.get(text.strip().lower(), text).split()
    if len(fields) != len(_FIELDS):
        wanted = "minute, hour, day of the month, month and day of the week"
        raise ValueError(f"`{text[:40]}` has {len(fields)} fields, but a cron expression has five: {wanted}")
    pairs = zip(fields, _FIELDS, strict=True)
    minutes, hours, days, months, weekdays = (_values(field, *bounds) for field, bounds in pairs)
    found = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        either=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    found.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return found


def _values(field: str, name: str, lowest: int, highest: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"`{part[:40]}` is no {name}: write a number, a range like 1-5, a list like 1,3 or */5")
        first, last, step = match["first"], match["last"], int(match["step"] or 1)
        if first == "*" and last is None:
            low, high = lowest, highest
        else:
            low = _number(first, name, lowest, highest)
            high = _number(last, name, lowest, highest) if last else highest if match["step"] else low
        if low > high or step == 0:
            raise ValueError(f"`{part[:40]}` names no {name} at all")
        found.update(range(low, high + 1, step))
    return found


def _number(text: str, name: str, lowest: int, highest: int) -> int:
    number = _NAMES.get(name, {}).get(text.lower())
    if number is None:
        number = int(text) if text.isdecimal() and len(text) < 4 else -1
    if not lowest <= number <= highest:
        raise ValueError(f"`{text[:40]}` is no {name}: it goes from {lowest} to {highest}")
    return number
