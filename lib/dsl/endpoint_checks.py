"""Checks of where other services are and how they are told who asks: endpoints and authentication."""

import re
from typing import Any

from lib.dsl import unsupported
from lib.dsl.call_models import Basic, Bearer, Digest, OAuth2, Oidc
from lib.dsl.checks import Checks
from lib.dsl.expressions import is_expression
from lib.dsl.models import Endpoint, Part, SecretName
from lib.dsl.structure import describe
from lib.dsl.suggestions import did_you_mean
from lib.dsl.visibility import CALL, Scope

_SCHEMES: dict[str, type[Part]] = {"basic": Basic, "bearer": Bearer, "digest": Digest, "oauth2": OAuth2, "oidc": Oidc}
_SINGLE_BRACE = re.compile(r"[{}]")
_VARIABLE = re.compile(r"\{[^{}]+\}")
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
# What each grant cannot do without.
_GRANTS = {"client_credentials": (), "password": ("username", "password"), _EXCHANGE: ("subject",)}
_IMPOSSIBLE = {
    "authorization_code": "`authorization_code` asks a person to log in, and a run has none: use another grant",
    "refresh_token": "`refresh_token` needs a token that the policy cannot hold: use another grant",
}
# What each way to identify the client cannot do without; `client_secret_post` may send the id alone.
_CLIENTS = {
    "client_secret_basic": ("id", "secret"),
    "client_secret_jwt": ("id", "secret"),
    "private_key_jwt": ("id", "assertion"),
    "none": (),
}


def check_endpoint(checks: Checks, endpoint: Any, pointer: str, scope: Scope) -> None:
    """A URI, or an object with one and perhaps with an authentication."""
    if not isinstance(endpoint, dict):
        check_uri(checks, endpoint, pointer, scope)
    elif checks.findings.check(Endpoint, endpoint, pointer):
        check_uri(checks, endpoint["uri"], f"{pointer}/uri", scope)
        if "authentication" in endpoint:
            place = f"{pointer}/authentication"
            check_authentication(checks, endpoint["authentication"], place, scope, named=True)


def check_uri(checks: Checks, uri: Any, pointer: str, scope: Scope) -> None:
    """An http(s) URI template like https://example.com/pets/{petId}, or an expression."""
    if is_expression(uri):
        checks.expression(uri, pointer, scope, CALL)
    elif not isinstance(uri, str):
        checks.findings.add(pointer, f"must be a URI or an object with `uri`, but is {describe(uri)}")
    elif "${" in uri:
        sentence = "`${ }` must be the whole text: write {name} for a property of the input"
        checks.findings.add(pointer, f'{sentence}, or ${{ "https://…/\\(.name)" }}')
    elif not uri.lower().startswith(("http://", "https://")):
        checks.findings.add(pointer, f"must begin with http:// or https://, but is {describe(uri)}")
    elif _SINGLE_BRACE.search(_VARIABLE.sub("", uri)):
        checks.findings.add(pointer, f"braces must stand in pairs around a name, in {describe(uri)}")


def check_authentication(checks: Checks, policy: Any, pointer: str, scope: Scope, *, named: bool) -> None:
    """An authentication policy; `named` says whether it may also be the name of one under `use`."""
    schemes = [*sorted([*_SCHEMES, *unsupported.UNSUPPORTED["authentication"]]), *(["use"] if named else [])]
    if not isinstance(policy, dict) or len(policy) != 1:
        found = f"an object with {len(policy)}" if isinstance(policy, dict) else describe(policy)
        checks.findings.add(pointer, f"must be an object with one of {', '.join(schemes)}, but is {found}")
        return
    scheme, details = next(iter(policy.items()))
    place = f"{pointer}/{scheme}"
    if sentence := unsupported.refusal("authentication", scheme):
        checks.findings.add(place, sentence)
    elif scheme not in schemes:
        checks.findings.add(pointer, f"unknown authentication `{scheme}`{did_you_mean(scheme, schemes)}")
    elif scheme == "use":
        if checks.findings.check(SecretName, policy, pointer):
            checks.named(details, "authentications", place)
    elif isinstance(details, dict) and "use" in details:
        if checks.findings.check(SecretName, details, place):
            checks.named(details["use"], "secrets", f"{place}/use")
    elif checks.findings.check(_SCHEMES[scheme], details, place):
        checks.template(details, place, scope, CALL)
        if scheme in ("oauth2", "oidc"):
            _check_oauth2(checks, details, place, scope)


def _check_oauth2(checks: Checks, details: dict[str, Any], pointer: str, scope: Scope) -> None:
    if not is_expression(details["authority"]):  # an expression was checked with all others
        check_uri(checks, details["authority"], f"{pointer}/authority", scope)
    grant, client = details["grant"], details.get("client") or {}
    if sentence := _IMPOSSIBLE.get(grant):
        checks.findings.add(f"{pointer}/grant", sentence)
    elif grant not in _GRANTS and not is_expression(grant):
        checks.findings.add(f"{pointer}/grant", f"unknown grant `{grant}`{did_you_mean(grant, list(_GRANTS))}")
    for name in _GRANTS.get(grant, ()):
        if name not in details:
            checks.findings.add(pointer, f"`{name}` is missing: the grant `{grant}` needs it")
    method = client.get("authentication", "")
    for name in _CLIENTS.get(method, ("id",)):
        if name not in client:
            needs = f": `{method}` needs it" if method else ""
            place = f"{pointer}/client" if client else pointer
            checks.findings.add(place, f"`{name}` is missing{needs}" if client else "`client` is missing")
            break
