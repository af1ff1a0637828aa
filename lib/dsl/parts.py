"""What several kinds of tasks have in common, compiled: expressions, durations, transformations, retry policies."""

from collections.abc import Mapping
from typing import Any

from lib.dsl import durations, expressions, loose
from lib.dsl.document import Duration, Retry, Transform
from lib.dsl.expressions import Template, is_expression
from lib.dsl.schemas import compile_schema


class Parts:
    """Compiles the parts of one document; `use` holds those that tasks name."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.use: Mapping[str, Any] = definition.get("use") or {}
        self.loose = (definition.get("evaluate") or {}).get("mode") == "loose"

    def template(self, value: Any) -> Template:
        """A value with expressions inside."""
        return loose.compile_template(value) if self.loose else expressions.compile_template(value)

    def bare(self, value: Any) -> Template:
        """An expression, with or without `${ }`, or a value with expressions inside."""
        return expressions.compile_template(value, bare=True) if isinstance(value, str) else self.template(value)

    def optional(self, value: Any) -> Template | None:
        """An expression that may be left out."""
        return None if value is None else self.bare(value)

    def is_live(self, text: str) -> bool:
        """Whether a text is an expression rather than itself."""
        return is_expression(text) or (self.loose and loose.as_expression(text) is not None)

    def duration(self, value: Any) -> Duration:
        """A length of time: seconds, or an expression that gives a duration."""
        if is_expression(value):
            return self.template(value)
        try:
            return durations.seconds(value)
        except ValueError:
            if not self.loose:
                raise
            return self.template(value)

    def optional_duration(self, value: Any) -> Duration | None:
        """A length of time that may be left out."""
        return None if value is None else self.duration(value)

    def timeout(self, timeout: Any) -> Duration | None:
        """A timeout, or the one under `use` that it names."""
        if isinstance(timeout, str):
            timeout = self.use["timeouts"][timeout]
        return None if timeout is None else self.duration(timeout["after"])

    def transform(self, part: Mapping[str, Any] | None, key: str) -> Transform | None:
        """An `input`, `output` or `export`, whose expression is under this key."""
        if not part:
            return None
        schema = part.get("schema")
        return Transform(None if schema is None else compile_schema(schema), self.optional(part.get(key)))

    def retry(self, policy: Any) -> Retry | None:
        """A retry policy, or the one under `use` that it names."""
        if isinstance(policy, str):
            policy = self.use["retries"][policy]
        if policy is None:
            return None
        limit = policy.get("limit") or {}
        attempt = limit.get("attempt") or {}
        jitter = policy.get("jitter")
        return Retry(
            when=self.optional(policy.get("when")),
            except_when=self.optional(policy.get("exceptWhen")),
            delay=self.duration(policy["delay"]) if "delay" in policy else 0.0,
            backoff=next(iter(policy.get("backoff") or ()), "constant"),
            jitter=(self.duration(jitter["from"]), self.duration(jitter["to"])) if jitter else None,
            count=attempt.get("count"),
            attempt_duration=self.optional_duration(attempt.get("duration")),
            duration=self.optional_duration(limit.get("duration")),
        )
