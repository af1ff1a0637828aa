"""The shape of what documents say about events, processes, schedules and extensions (see `models`)."""

from typing import Any, Literal

from pydantic import Field

from lib.dsl.models import Maybe, Part, Task, Text


class EmittedEvent(Part):
    attributes: dict[str, Any] = Field(alias="with")


class Emission(Part):
    event: EmittedEvent


class EmitTask(Task):
    emit: Emission


class Strategy(Part):
    all: Maybe[list[Any]] = None
    any: Maybe[list[Any]] = None
    one: Maybe[dict[str, Any]] = None
    until: Maybe[str | dict[str, Any]] = None


class EventFilter(Part):
    attributes: dict[str, Any] = Field(alias="with")
    correlate: Maybe[dict[str, Any]] = None


class Correlation(Part):
    source: Text = Field(alias="from")
    expect: Maybe[str] = None


class Listened(Part):
    to: Any
    read: Maybe[Literal["data", "envelope", "raw"]] = None


class Iterator(Part):
    item: Maybe[Text] = None
    at: Maybe[Text] = None
    do: Maybe[list[Any]] = None
    output: Maybe[Any] = None
    export: Maybe[Any] = None


class ListenTask(Task):
    listen: Listened
    foreach: Maybe[Iterator] = None


class Run(Part):
    container: Maybe[Any] = None
    script: Maybe[Any] = None
    shell: Maybe[Any] = None
    workflow: Maybe[Any] = None
    awaited: Maybe[bool] = Field(default=None, alias="await")
    result: Maybe[Literal["stdout", "stderr", "code", "all", "none"]] = Field(default=None, alias="return")


class RunTask(Task):
    run: Run


class Subflow(Part):
    name: Text
    namespace: Maybe[Text] = None
    version: Maybe[Text] = None
    input: Any = None


class Shell(Part):
    command: Text
    stdin: Maybe[Any] = None
    arguments: Maybe[list[Any] | dict[str, Any]] = None
    environment: Maybe[dict[str, Any]] = None


class Script(Part):
    language: Text
    code: Maybe[Text] = None
    source: Maybe[dict[str, Any]] = None
    stdin: Maybe[Any] = None
    arguments: Maybe[list[Any] | dict[str, Any]] = None
    environment: Maybe[dict[str, Any]] = None


class Schedule(Part):
    every: Maybe[Any] = None
    cron: Maybe[str] = None
    after: Maybe[Any] = None
    on: Maybe[Any] = None


class Extension(Part):
    extend: Literal["all", "call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait"]
    when: Maybe[str] = None
    before: Maybe[list[Any]] = None
    after: Maybe[list[Any]] = None
