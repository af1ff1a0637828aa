"""Checks of `call: sql`; whether its statement is acceptable is the database tool's business."""

from typing import Any

from pydantic import Field

from lib.dsl.checks import Checks
from lib.dsl.expressions import is_expression, unwrap
from lib.dsl.loose import as_expression
from lib.dsl.models import Maybe, Part, Text
from lib.dsl.structure import describe
from lib.dsl.visibility import CALL, Scope


class SqlArguments(Part):
    sql: Text
    params: Maybe[Any] = None
    confirm: Maybe[bool] = None
    max_rows: Maybe[Any] = Field(default=None, alias="maxRows")


def check_sql(checks: Checks, arguments: Any, pointer: str, scope: Scope) -> None:
    """The arguments of `call: sql`: what is confirmed stands in the document, word for word."""
    if not checks.findings.check(SqlArguments, arguments, pointer):
        return
    checks.template(arguments, pointer, scope, CALL)
    text, params, most = arguments["sql"], arguments.get("params", []), arguments.get("maxRows", 1)
    found = as_expression(unwrap(text)) if checks.loose or is_expression(text) else None
    if found and "secrets" in found.names:
        sentence = "what is run is recorded, so no secret may be part of it: pass it in `params`"
        checks.findings.add(f"{pointer}/sql", sentence)
    if arguments.get("confirm") and (found or is_expression(text)):
        sentence = "what is confirmed has to be written out, not made by an expression: `params` may be"
        checks.findings.add(f"{pointer}/sql", sentence)
    if not isinstance(params, list) and not is_expression(params):
        checks.findings.add(f"{pointer}/params", f"must be a list or `${{ }}`, but is {describe(params)}")
    if not is_expression(most) and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        checks.findings.add(f"{pointer}/maxRows", f"must be a whole number of at least 1, but is {describe(most)}")
