"""The words of a diagram: what a task does, in a few of them, and how any text becomes a harmless label."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

LABEL_CHARACTERS = 60
_UNSAFE = re.compile(r"[^\w .,/()=!?-]")
_LIST_MARK = re.compile(r"^(?:\d+[.)]|-)(?= |$)")  # Markdown would read a list

type Task = Mapping[str, Any]


def describe(kind: str, task: Task) -> str:
    """What a task does, in a few words."""
    part = task[kind]
    match kind:
        case "call":
            return f"call {part} {_request(task.get('with') or {})}".strip()
        case "emit":
            return f"emit {part['event']['with'].get('type', 'event')}"
        case "for":
            return f"each {part.get('each', 'item')} in {bare(part['in'])}"
        case "listen":
            return f"listen {_strategy(part['to'])}"
        case "raise":
            error = part["error"]
            return f"raise {error if isinstance(error, str) else _last(error['type'])}"
        case "run":
            return _process(part)
        case "wait":
            return f"wait {_duration(part)}"
        case _:
            return kind


def _request(arguments: Mapping[str, Any]) -> str:
    endpoint = arguments.get("endpoint", "")
    address = endpoint.get("uri", "") if isinstance(endpoint, dict) else endpoint
    words = [str(arguments.get("method", "")).upper(), bare(address), str(arguments.get("operationId", ""))]
    return " ".join(word for word in words if word)


def _process(run: Mapping[str, Any]) -> str:
    kind = next(kind for kind in ("workflow", "script", "shell", "container") if kind in run)
    process = run[kind]
    named = {"workflow": "name", "script": "language", "shell": "command", "container": "image"}[kind]
    asides = "" if run.get("await", True) else " without waiting"
    return f"run {kind} {process.get(named, '')}{asides}"


def _strategy(to: Any) -> str:
    """Which events are waited for."""
    if isinstance(to, str):
        return bare(to)
    way = next((way for way in ("one", "any", "all") if way in to), "any")
    filters = [to[way]] if way == "one" else to[way]
    types = ", ".join(str((each.get("with") or {}).get("type", "event")) for each in filters) or "event"
    until = to.get("until")
    if until is None:
        return f"{way} {types}"
    return f"{way} {types} until {bare(until) if isinstance(until, str) else _strategy(until)}"


def list_starts(schedule: Mapping[str, Any]) -> list[str]:
    """When the workflow starts by itself."""
    texts = [f"{name} {_duration(schedule[name])}" for name in ("every", "after", "cron") if name in schedule]
    return [*texts, f"on {_strategy(schedule['on'])}"] if "on" in schedule else texts


def list_limits(task: Task) -> list[str]:
    """How long a task may take, if that is limited."""
    timeout = task.get("timeout")
    if timeout is None:
        return []
    return [f"timeout {timeout if isinstance(timeout, str) else _duration(timeout['after'])}"]


def list_filters(catch: Mapping[str, Any]) -> list[str]:
    """Which errors are caught."""
    errors = (catch.get("errors") or {}).get("with") or {}
    texts = [f"{name} {_last(str(value))}" for name, value in errors.items()]
    texts += [f"when {bare(catch['when'])}"] if "when" in catch else []
    return texts + ([f"except {bare(catch['exceptWhen'])}"] if "exceptWhen" in catch else [])


def describe_retry(policy: Any) -> str:
    """How often and after what delay it is tried again."""
    if isinstance(policy, str):
        return policy
    count = ((policy.get("limit") or {}).get("attempt") or {}).get("count")
    words = [f"at most {count} times" if count is not None else ""]
    words += [f"after {_duration(policy['delay'])}" if "delay" in policy else ""]
    return " ".join(word for word in words if word)


def _duration(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{bare(amount)} {unit}" for unit, amount in value.items())
    return bare(value)


def _last(text: str) -> str:
    """The end of an error type's URI is what people know it by."""
    return text.rstrip("/").rpartition("/")[2] if "://" in text else text


def bare(value: Any) -> str:
    """An expression without its brackets."""
    text = str(value).strip()
    return text[2:-1].strip() if text.startswith("${") and text.endswith("}") else text


def quote(left: str, right: str, texts: Iterable[str]) -> str:
    """A label of several lines between the brackets of its shape."""
    return f'{left}"{"<br/>".join(escape(text) for text in texts)}"{right}'


def escape(text: str) -> str:
    """One line that no quote, bracket, directive, tag, style or list of Mermaid's can begin in."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    short = line if len(line) <= LABEL_CHARACTERS else line[: LABEL_CHARACTERS - 1] + "…"
    safe = _UNSAFE.sub(lambda found: f"#{ord(found[0])};", short or " ")
    return _LIST_MARK.sub(lambda found: f"{found[0][:-1]}#{ord(found[0][-1])};", safe)
