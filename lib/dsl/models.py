"""The shape of every part of a workflow document, as the DSL 1.0 reference defines it.

Nested tasks are `Any` here: validation walks them itself, because a union of twelve task kinds could only say
that none of twelve matches.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from lib.dsl import limits

_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", re.ASCII)
_NUMBER = r"(?:0|[1-9]\d*)"
_PRE = rf"(?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("must be 1 to 63 letters, digits and hyphens, and not begin or end with a hyphen")
    return text


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError("must be a semantic version like 1.0.0")
    if len(text) > limits.VERSION_CHARACTERS:
        raise ValueError(f"may have at most {limits.VERSION_CHARACTERS} characters, but has {len(text)}")
    return text


def _dsl_version(text: str) -> str:
    if not _version(text).startswith("1."):
        raise ValueError("this release runs documents of the DSL 1.x, for example 1.0.3")
    return text


def _present(value: Any) -> Any:
    if value is None:
        raise ValueError("is empty: give it a value or remove it")
    return value


# Optional means: may be left out. An explicit null is a forgotten value.
type Maybe[T] = Annotated[T | None, BeforeValidator(_present)]
type Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """Refuses what the DSL does not name, and never turns one type into another."""

    # Built at their first use: all of them at once would cost every cold start 40 ms.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class About(Part):
    dsl: Annotated[str, AfterValidator(_dsl_version)]
    namespace: Annotated[str, AfterValidator(_label)]
    name: Annotated[str, AfterValidator(_label)]
    version: Annotated[str, AfterValidator(_version)]
    title: Maybe[str] = None
    summary: Maybe[str] = None
    tags: Maybe[dict[str, Any]] = None
    metadata: Maybe[dict[str, Any]] = None


class Evaluate(Part):
    language: Maybe[str] = None
    mode: Maybe[Literal["strict", "loose"]] = None


class Use(Part):
    authentications: Maybe[dict[str, Any]] = None
    catalogs: Maybe[dict[str, Any]] = None
    errors: Maybe[dict[str, Any]] = None
    extensions: Maybe[list[Any]] = None
    functions: Maybe[dict[str, Any]] = None
    retries: Maybe[dict[str, Any]] = None
    secrets: Maybe[list[Text]] = None
    timeouts: Maybe[dict[str, Any]] = None


class Workflow(Part):
    document: About
    do: list[Any]
    input: Maybe[Any] = None
    use: Maybe[Use] = None
    timeout: Maybe[Any] = None
    output: Maybe[Any] = None
    schedule: Maybe[Any] = None
    evaluate: Maybe[Evaluate] = None


class Schema(Part):
    format: Maybe[str] = None
    document: Maybe[Any] = None
    resource: Maybe[Any] = None


class Input(Part):
    json_schema: Maybe[Schema] = Field(default=None, alias="schema")
    source: Maybe[Any] = Field(default=None, alias="from")


class Output(Part):
    json_schema: Maybe[Schema] = Field(default=None, alias="schema")
    result: Maybe[Any] = Field(default=None, alias="as")


class Export(Output):
    pass


class Timeout(Part):
    after: Any


class Task(Part):
    condition: Maybe[str] = Field(default=None, alias="if")
    input: Maybe[Any] = None
    output: Maybe[Any] = None
    export: Maybe[Any] = None
    timeout: Maybe[Any] = None
    then: Maybe[Text] = None
    metadata: Maybe[dict[str, Any]] = None


class CallTask(Task):
    call: Text
    arguments: Maybe[dict[str, Any]] = Field(default=None, alias="with")


class DoTask(Task):
    do: list[Any]


class Loop(Part):
    each: Maybe[Text] = None
    items: str = Field(alias="in")
    at: Maybe[Text] = None


class ForTask(Task):
    loop: Loop = Field(alias="for")
    condition_to_go_on: Maybe[str] = Field(default=None, alias="while")
    do: list[Any]


class Branches(Part):
    branches: list[Any]
    compete: Maybe[bool] = None


class ForkTask(Task):
    fork: Branches


class Raised(Part):
    error: Any


class RaiseTask(Task):
    raised: Raised = Field(alias="raise")


class SetTask(Task):
    set: Any


class Case(Part):
    when: Maybe[str] = None
    then: Text


class SwitchTask(Task):
    switch: list[Any]


class ErrorFilter(Part):
    type: Maybe[str] = None
    status: Maybe[int] = None
    instance: Maybe[str] = None
    title: Maybe[str] = None
    detail: Maybe[str] = None
    details: Maybe[str] = None


class CaughtErrors(Part):
    filter: Maybe[ErrorFilter] = Field(default=None, alias="with")


class Catch(Part):
    errors: Maybe[CaughtErrors] = None
    variable: Maybe[Text] = Field(default=None, alias="as")
    when: Maybe[str] = None
    except_when: Maybe[str] = Field(default=None, alias="exceptWhen")
    retry: Maybe[Any] = None
    do: Maybe[list[Any]] = None


class TryTask(Task):
    attempt: list[Any] = Field(alias="try")
    catch: Catch


class WaitTask(Task):
    wait: Any


class Backoff(Part):
    constant: Maybe[dict[str, Any]] = None
    exponential: Maybe[dict[str, Any]] = None
    linear: Maybe[dict[str, Any]] = None


class AttemptLimit(Part):
    count: Maybe[Annotated[int, Field(ge=0)]] = None
    duration: Maybe[Any] = None


class RetryLimit(Part):
    attempt: Maybe[AttemptLimit] = None
    duration: Maybe[Any] = None


class Jitter(Part):
    least: Any = Field(alias="from")
    most: Any = Field(alias="to")


class Retry(Part):
    when: Maybe[str] = None
    except_when: Maybe[str] = Field(default=None, alias="exceptWhen")
    delay: Maybe[Any] = None
    backoff: Maybe[Backoff] = None
    limit: Maybe[RetryLimit] = None
    jitter: Maybe[Jitter] = None


class Error(Part):
    type: Text
    status: Annotated[int, Field(ge=100, le=599)]
    title: Maybe[str] = None
    detail: Maybe[str] = None


class HttpArguments(Part):
    method: Text
    endpoint: Any
    headers: Maybe[Any] = None
    body: Any = None
    query: Maybe[Any] = None
    output: Maybe[Literal["raw", "content", "response"]] = None
    redirect: Maybe[bool] = None


class Endpoint(Part):
    uri: Text
    authentication: Maybe[dict[str, Any]] = None


class SecretName(Part):
    use: Text
