"""What publishing fetches: a text in JSON or YAML, asked for through the guard, by a policy that sees secrets alone."""

import base64
from collections.abc import Mapping
from typing import Any

from lib import errors
from lib.calls import redaction
from lib.calls.context import CallContext
from lib.config import settings
from lib.dsl import faults, limits, reading
from lib.dsl.expressions import ExpressionSyntaxError, compile_template

SECONDS = 10.0


async def fetch(url: str, policy: Any, use: Mapping[str, Any]) -> Any:
    """The value of the JSON or YAML text at the URL; raises a Fault that holds no secret.

    `policy` is the endpoint's authentication as the document has it, `use` what that document declares.
    """
    from lib.calls import http  # publishing has no other need of an HTTP client

    declared = use.get("secrets")
    names = declared if isinstance(declared, list) else []  # else the document's own checks say so
    secrets = settings().secrets_named(name for name in names if isinstance(name, str))
    context = CallContext("publishing", url, 1, "publishing", SECONDS, redaction.texts_in(secrets))
    try:
        endpoint = {"uri": url, "authentication": _policy(policy, use, secrets)}
        asked = {"method": "get", "endpoint": endpoint, "output": "raw", "redirect": True}
        return _read(base64.b64decode(await http.call(asked, context) or ""))
    except errors.RatchetError as exc:
        raise faults.configuration(exc.detail) from None
    except faults.Fault as fault:
        raise redaction.without_secrets(fault, context.secrets) from None


def _read(data: bytes) -> Any:
    """JSON as JSON, which escapes some characters otherwise than YAML does; all else as YAML."""
    if len(data) > limits.DOCUMENT_BYTES:
        raise faults.configuration(f"what is there has more than {limits.DOCUMENT_BYTES} bytes.")
    try:
        return reading.read(data, reading.JSON)
    except errors.BadRequest:
        return reading.read(data, reading.YAML)


def _policy(policy: Any, use: Mapping[str, Any], secrets: Mapping[str, Any]) -> Any:
    """The authentication of an endpoint, its expressions evaluated: they see secrets and no input."""
    if policy is None:
        return None
    if isinstance(name := _object(policy).get("use"), str):
        policy = _object(use.get("authentications")).get(name)
    named = {scheme: details["use"] for scheme, details in _object(policy).items() if "use" in _object(details)}
    if named:
        return {scheme: secrets.get(secret) for scheme, secret in named.items()}
    try:
        template = compile_template(policy)
    except ExpressionSyntaxError as exc:
        raise faults.configuration(f"its authentication has an expression that does not compile: {exc}") from None
    if not template.names <= {"secrets"}:
        raise faults.configuration("an authentication that publishing uses sees $secrets and nothing else.")
    return template.evaluate(None, {"secrets": dict(secrets)})


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
