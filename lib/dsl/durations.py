"""Durations: ISO 8601 text or an object of days to milliseconds, as seconds."""

import re
from typing import Any

UNITS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0, "milliseconds": 0.001}
LONGEST = 36_500 * 86400.0  # a hundred years: every due time stays a date
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_ISO = re.compile(
    rf"P(?=.)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII,
)
_ISO_SECONDS = (7 * 86400.0, 86400.0, 3600.0, 60.0, 1.0)


def seconds(value: Any) -> float:
    """How long the duration is; raises ValueError with a sentence that says what would be right."""
    match value:
        case str():
            total = _from_text(value)
        case dict():
            total = _from_object(value)
        case _:
            raise ValueError("a duration is ISO 8601 text like PT30S or an object like {seconds: 30}")
    if total > LONGEST:
        raise ValueError("a duration may be at most 36500 days")
    return total


def _from_text(text: str) -> float:
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text[:40]}` is not an ISO 8601 duration like PT30S, PT1H30M, P1DT12H or P2W")
    years, months, *rest = match.groups()
    if years or months:
        raise ValueError(f"`{text[:40]}` counts years or months, whose length varies: write it in days (D)")
    amounts = (float(part.replace(",", ".")) if part else 0.0 for part in rest)
    return sum(amount * unit for amount, unit in zip(amounts, _ISO_SECONDS, strict=True))


def _from_object(value: dict[str, Any]) -> float:
    unknown = [name for name in value if name not in UNITS]
    if unknown or not value:
        found = f"unknown unit `{unknown[0]}`" if unknown else "an empty duration"
        raise ValueError(f"{found}: a duration has {', '.join(UNITS)}")
    return sum(_amount(name, amount) * UNITS[name] for name, amount in value.items())


def _amount(name: str, amount: Any) -> float:
    whole = isinstance(amount, int) or (isinstance(amount, float) and amount.is_integer())
    if isinstance(amount, bool) or not whole or amount < 0:
        raise ValueError(f"`{name}` must be a whole number of at least 0; for parts of it use a smaller unit")
    return float(min(amount, LONGEST * 2000))
