"""What one parser saw in a statement, in terms that both can be asked for."""

from collections import Counter
from dataclasses import dataclass, field

from lib.dbtool.names import words

# Names that one parser sees called and the other as syntax of its own; none of them can be a user's function.
_SYNTAX = words(
    """
    all any array coalesce current_date current_time current_timestamp exists extract greatest grouping json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value least like_escape localtime localtimestamp merge_action normalize nullif overlay
    position row similar_to_escape some string_agg substring trim
    """
)


@dataclass(slots=True)
class View:
    """Everything that decides a verdict, counted; two parsers that read a statement alike have equal views."""

    tables: Counter[tuple[str, str]] = field(default_factory=Counter)  # (schema or "", name), with CTEs read
    functions: Counter[str] = field(default_factory=Counter)  # as called by name
    commands: Counter[str] = field(default_factory=Counter)  # select, insert, update, delete, merge
    ctes: Counter[str] = field(default_factory=Counter)
    conditions: int = 0  # WHERE clauses, but those of aggregates

    def difference(self, other: "View") -> str | None:
        """What the other parser saw differently, in a word; None when nothing."""
        for name in ("tables", "functions", "commands", "ctes"):
            counted: Counter[object] = Counter(getattr(self, name))
            counted.subtract(getattr(other, name))
            if any(count and word not in _SYNTAX for word, count in counted.items()):
                return name
        return "conditions" if self.conditions != other.conditions else None
