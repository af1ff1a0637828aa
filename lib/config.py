"""Every setting, read once from the environment and checked; README names each.

A setting that cannot be read stops the function with a sentence naming the variable, never its value.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from lib.errors import NotConfigured

SCOPES = frozenset(
    {"workflows:read", "workflows:write", "runs:read", "runs:write", "events:write", "db:read", "db:write", "db:audit"}
)
ADDRESSES = frozenset({"loopback", "private"})
MAX_SINKS = 10
AI_GATEWAY = "https://ai-gateway.vercel.sh/v1"
_UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Endpoint:
    """A model behind an OpenAI-compatible API: `url` is its base, `model` empty where none is configured."""

    url: str
    model: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class DatabaseTool:
    """What the database tool was told: its two logins (empty: not set up) and its bounds.

    `quota` is (statements, per seconds) for each key, or None for no limit.
    """

    read_url: str = field(repr=False)
    write_url: str = field(repr=False)
    allow_superuser: bool
    max_rows: int
    timeout_seconds: int
    quota: tuple[int, int] | None


@dataclass(frozen=True)
class Settings:
    """What this process was told; defaults suit Vercel's Pro plan.

    `api_keys` maps a key to its scopes; `rate_limit` is (requests, per seconds) or None for no limit.
    `event_sinks` maps a name that says nothing to a URL that may hold a secret.
    """

    database_url: str
    api_keys: Mapping[str, frozenset[str]]
    cron_secret: str
    on_vercel: bool
    allow_addresses: frozenset[str]
    allow_scripts: bool
    max_duration_seconds: int
    lease_seconds: int
    linger_seconds: int
    after_response: bool
    public_url: str
    protection_bypass: str
    rate_limit: tuple[int, int] | None
    max_streams: int
    max_connections: int
    retention_days: int
    event_days: int
    database_tool: DatabaseTool
    chat: Endpoint
    embedding: Endpoint
    event_sinks: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, Any] = field(repr=False)

    def secrets_named(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of the named secrets that exist; `my-key` may also be set as WORKFLOW_SECRET_MY_KEY."""
        spellings = {name: (name, re.sub(r"[^A-Za-z0-9]", "_", name).upper()) for name in names}
        found = {name: next((key for key in keys if key in self.secrets), None) for name, keys in spellings.items()}
        return {name: self.secrets[key] for name, key in found.items() if key is not None}

    @cached_property
    def longest_effect_seconds(self) -> float:
        """The longest timeout an effect may have and still fit one invocation with time to commit."""
        return self.max_duration_seconds - RESERVE_SECONDS

    @cached_property
    def usual_effect_seconds(self) -> float:
        """The timeout of an effect that has none of its own: a minute, if a minute fits an invocation."""
        return min(60.0, self.longest_effect_seconds)


# The invocation's last seconds: cancelling effects, one commit on a slow disk, the answer.
RESERVE_SECONDS = 10


@cache
def settings() -> Settings:
    """This process's settings; `settings.cache_clear()` reads the environment again."""
    return read_settings(os.environ)


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from these variables; raises NotConfigured naming the first that cannot be read."""
    return Settings(
        database_url=_connection(env, "DATABASE_URL") or _connection(env, "POSTGRES_URL"),
        api_keys=_api_keys(env.get("RATCHET_API_KEYS", "")),
        cron_secret=env.get("CRON_SECRET", ""),
        on_vercel=bool(env.get("VERCEL")),
        allow_addresses=_words(env, "RATCHET_ALLOW_ADDRESSES", ADDRESSES),
        # a deployment's functions hold everything that a deployment knows: no switch may open them to scripts
        allow_scripts=_switch(env, "RATCHET_ALLOW_SCRIPTS", default=False) and not env.get("VERCEL"),
        max_duration_seconds=_whole(env, "RATCHET_MAX_DURATION", 300, least=RESERVE_SECONDS + 5),
        lease_seconds=_whole(env, "RATCHET_LEASE", 60, least=1),
        linger_seconds=_whole(env, "RATCHET_LINGER", 10, least=0),
        after_response=_switch(env, "RATCHET_AFTER_RESPONSE", default=True),
        public_url=_public_url(env),
        protection_bypass=env.get("VERCEL_AUTOMATION_BYPASS_SECRET", ""),
        rate_limit=_rate(env, "RATCHET_RATE_LIMIT"),
        max_streams=_whole(env, "RATCHET_MAX_STREAMS", 900, least=1),
        max_connections=_whole(env, "RATCHET_MAX_CONNECTIONS", 4, least=1),
        retention_days=_whole(env, "RATCHET_RETENTION_DAYS", 30, least=1),
        event_days=_whole(env, "RATCHET_EVENT_DAYS", 1, least=1),
        database_tool=_database_tool(env),
        chat=_chat(env),
        embedding=_embedding(env),
        event_sinks=_sinks(env.get("RATCHET_EVENT_SINKS", "")),
        secrets=_secrets(env),
    )


def _api_keys(text: str) -> Mapping[str, frozenset[str]]:
    """One bare key that may do everything, or a JSON object of key → list of scopes."""
    text = text.strip()
    if not text.startswith("{"):
        return {text: SCOPES} if text else {}
    try:
        keys = {key: frozenset(scopes) for key, scopes in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        raise NotConfigured('RATCHET_API_KEYS must be one key, or JSON: {"<key>": ["<scope>", …]}') from None
    if "" in keys or any(not scopes <= SCOPES for scopes in keys.values()):
        raise NotConfigured(f"RATCHET_API_KEYS: keys are not empty and scopes are among {sorted(SCOPES)}")
    return keys


def _secrets(env: Mapping[str, str]) -> Mapping[str, Any]:
    """Every secret, by name: the members of WORKFLOW_SECRETS, then each variable of its own, which wins."""
    try:
        secrets = dict(json.loads(env.get("WORKFLOW_SECRETS") or "{}").items())
    except (ValueError, AttributeError):
        raise NotConfigured('WORKFLOW_SECRETS must be a JSON object: {"<name>": <value>, …}') from None
    prefix = "WORKFLOW_SECRET_"
    own = {name.removeprefix(prefix): text for name, text in env.items() if name.startswith(prefix)}
    return {**secrets, **{name: _secret(name, text) for name, text in own.items() if name}}


def _secret(name: str, text: str) -> Any:
    """The text itself, or an object (a user name and a password, say) if it is one in JSON."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise NotConfigured(f"WORKFLOW_SECRET_{name} begins with {{ and is not a JSON object") from None


def _words(env: Mapping[str, str], name: str, allowed: frozenset[str]) -> frozenset[str]:
    words = frozenset(re.split(r"[,\s]+", env.get(name, ""))) - {""}
    if not words <= allowed:
        raise NotConfigured(f"{name} takes words among {sorted(allowed)}")
    return words


def _whole(env: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = env.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise NotConfigured(f"{name} must be a whole number of at least {least}")
    return int(text)


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "").lower() or ("on" if default else "off")
    if text not in ("on", "off"):
        raise NotConfigured(f"{name} must be on or off")
    return text == "on"


def _sinks(text: str) -> Mapping[str, str]:
    urls = [url for url in re.split(r"[,\s]+", text) if url]
    if len(urls) > MAX_SINKS or not all(re.fullmatch(r"https?://[^/?#@\\]+([/?][^#\\]*)?", url) for url in urls):
        raise NotConfigured(
            f"RATCHET_EVENT_SINKS takes at most {MAX_SINKS} http or https URLs, without a user name or fragment"
        )
    return {hashlib.sha256(url.encode()).hexdigest()[:16]: url for url in urls}


def _connection(env: Mapping[str, str], name: str) -> str:
    return check_connection(name, env[name]) if env.get(name) else ""


def check_connection(name: str, url: str) -> str:
    """The connection string; raises NotConfigured naming where it came from if libpq cannot read it.

    libpq's own sentence quotes what it cannot read: the password, as likely as not.
    """
    from psycopg import ProgrammingError, conninfo

    try:
        conninfo.conninfo_to_dict(url)
    except ProgrammingError:
        raise NotConfigured(
            f"{name} is not a connection string: it has to look like postgresql://user:password@host/database, "
            "with special characters percent-encoded"
        ) from None
    return url


def _database_tool(env: Mapping[str, str]) -> DatabaseTool:
    return DatabaseTool(
        read_url=_connection(env, "DB_TOOL_READ_URL"),
        write_url=_connection(env, "DB_TOOL_WRITE_URL"),
        allow_superuser=_switch(env, "DB_TOOL_ALLOW_SUPERUSER", default=False),
        max_rows=_whole(env, "DB_TOOL_MAX_ROWS", 1000, least=1),
        timeout_seconds=_whole(env, "DB_TOOL_TIMEOUT", 10, least=1),
        quota=_rate(env, "DB_TOOL_QUOTA"),
    )


def _chat(env: Mapping[str, str]) -> Endpoint:
    """The platform's own gateway, unless told otherwise; there it hands every deployment a key of its own."""
    key = env.get("RATCHET_MODEL_KEY") or env.get("AI_GATEWAY_API_KEY") or env.get("VERCEL_OIDC_TOKEN") or ""
    return Endpoint(_base_url(env, "RATCHET_MODEL_URL", AI_GATEWAY), env.get("RATCHET_MODEL", ""), key)


def _embedding(env: Mapping[str, str]) -> Endpoint:
    """Where the chat model is, unless it has a URL of its own: then the chat's key is not sent there."""
    chat = _chat(env)
    url = _base_url(env, "RATCHET_EMBEDDING_URL", chat.url)
    key = env.get("RATCHET_EMBEDDING_KEY") or (chat.key if url == chat.url else "")
    return Endpoint(url, env.get("RATCHET_EMBEDDING_MODEL", ""), key)


def _base_url(env: Mapping[str, str], name: str, default: str) -> str:
    url = (env.get(name) or default).rstrip("/")
    if not re.fullmatch(r"https?://[^\s?#]+", url):
        raise NotConfigured(f"{name} must be an http or https URL without a query")
    return url


def _rate(env: Mapping[str, str], name: str) -> tuple[int, int] | None:
    text = env.get(name) or "off"
    if text == "off":
        return None
    match = re.fullmatch(r"([1-9]\d{0,8})/([a-z]+)", text)
    if not match or match[2] not in _UNITS:
        raise NotConfigured(f"{name} must look like 600/min, or be off")
    return int(match[1]), _UNITS[match[2]]


def _public_url(env: Mapping[str, str]) -> str:
    """Where this deployment answers: set by hand, else what the platform says of this very deployment."""
    url = env.get("RATCHET_URL") or env.get("VERCEL_URL") or ""
    if url and "://" not in url:
        url = f"https://{url}"
    return url.rstrip("/")
