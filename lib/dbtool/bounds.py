"""Between which numbers a call's answer always lies, whatever its arguments: `length(note) >= 0` spares no row."""

from fractions import Fraction

from lib.dbtool.names import words

type Bounds = tuple[Fraction | None, Fraction | None]

NEVER_NEGATIVE: Bounds = (Fraction(0), None)

_NEVER_NEGATIVE = words(
    """
    @ |/ abs ascii bit_count bit_length cardinality char_length character_length count exp factorial
    json_array_length jsonb_array_length length num_nonnulls num_nulls octet_length position sqrt strpos width_bucket
    """
)
_BETWEEN = {
    **dict.fromkeys(("sign", "sin", "cos", "sind", "cosd", "tanh"), (-1, 1)),
    **dict.fromkeys(("random", "similarity", "word_similarity", "cume_dist", "percent_rank"), (0, 1)),
}
# Of a date's fields those that an interval does not have as well, without such a limit.
_FIELDS = {"quarter": (1, 4), "month": (1, 12), "week": (1, 53), "doy": (1, 366), "dow": (0, 6), "isodow": (1, 7)}
_REMAINDERS = frozenset({"%", "mod"})
_LITTLE = Fraction(1, 10**9)


def bounds_of(name: str, first: str | None, second: Fraction | None) -> Bounds | None:
    """The bounds of a call or an operator; None when there are none.

    `first` is its first argument where that is a text, `second` its second where that is a number.
    """
    if name in _NEVER_NEGATIVE:
        return NEVER_NEGATIVE
    if name in _REMAINDERS and second:
        return _LITTLE - abs(second), abs(second) - _LITTLE
    between = _BETWEEN.get(name)
    if name in {"extract", "date_part"} and first is not None:
        between = _FIELDS.get(first.lower())
    return None if between is None else (Fraction(between[0]), Fraction(between[1]))
