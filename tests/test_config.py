"""Settings: defaults, and one sentence naming the variable when one cannot be read."""

import pytest

from lib.config import SCOPES, read_settings
from lib.errors import NotConfigured


def test_an_empty_environment_is_a_local_machine_without_keys():
    settings = read_settings({})
    assert (settings.on_vercel, settings.api_keys, settings.rate_limit) == (False, {}, None)
    assert settings.longest_effect_seconds == 290


def test_a_bare_key_may_do_everything_and_an_object_says_what_each_may():
    assert read_settings({"RATCHET_API_KEYS": "k"}).api_keys == {"k": SCOPES}
    keys = read_settings({"RATCHET_API_KEYS": '{"k": ["runs:read"]}'}).api_keys
    assert keys == {"k": frozenset({"runs:read"})}


def test_vercels_postgres_url_serves_when_there_is_no_database_url():
    theirs, ours = "postgresql://h/theirs", "host=h dbname=ours"
    assert read_settings({"POSTGRES_URL": theirs}).database_url == theirs
    assert read_settings({"POSTGRES_URL": theirs, "DATABASE_URL": ours}).database_url == ours


def test_a_deployment_knows_its_own_url():
    assert read_settings({"VERCEL_URL": "x.vercel.app"}).public_url == "https://x.vercel.app"
    assert read_settings({"RATCHET_URL": "http://localhost:3000/"}).public_url == "http://localhost:3000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATCHET_API_KEYS", '{"secret-key": ["everything"]}'),
        ("RATCHET_API_KEYS", '{"secret-key": '),
        ("RATCHET_API_KEYS", '{"": ["runs:read"]}'),
        ("RATCHET_ALLOW_ADDRESSES", "secret-key"),
        ("RATCHET_LEASE", "secret-key"),
        ("RATCHET_LEASE", "0"),
        ("RATCHET_AFTER_RESPONSE", "secret-key"),
        ("RATCHET_ALLOW_SCRIPTS", "secret-key"),
        ("RATCHET_RATE_LIMIT", "secret-key/min"),
        ("RATCHET_MAX_DURATION", "3"),
        ("RATCHET_EVENT_SINKS", "https://a.example/secret-key ftp://b.example"),
        ("RATCHET_EVENT_SINKS", "https://user:secret-key@a.example/"),
        ("DATABASE_URL", "postgresql//me:secret-key@h/d"),
        ("POSTGRES_URL", "postgresql://me:secret-key%@h/d"),
        ("DB_TOOL_READ_URL", "host=h password=a secret-key"),
        ("DB_TOOL_WRITE_URL", "secret-key"),
        ("WORKFLOW_SECRETS", "secret-key"),
        ("WORKFLOW_SECRETS", "[]"),
        ("WORKFLOW_SECRET_A", "{secret-key"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_and_its_value_is_not(name: str, value: str):
    with pytest.raises(NotConfigured, match=name) as refused:
        read_settings({name: value})
    assert "secret-key" not in str(refused.value)


def test_scripts_are_allowed_on_request_and_never_on_vercel():
    assert not read_settings({}).allow_scripts
    assert read_settings({"RATCHET_ALLOW_SCRIPTS": "on"}).allow_scripts
    assert not read_settings({"RATCHET_ALLOW_SCRIPTS": "on", "VERCEL": "1"}).allow_scripts


def test_secrets_come_from_one_variable_or_from_one_each():
    settings = read_settings(
        {
            "WORKFLOW_SECRETS": '{"a": "1", "b": {"c": [2]}}',
            "WORKFLOW_SECRET_a": "own",
            "WORKFLOW_SECRET_LOG_IN": '{"username": "ann"}',
        }
    )
    found = settings.secrets_named(["a", "b", "log-in", "gone"])
    assert found == {"a": "own", "b": {"c": [2]}, "log-in": {"username": "ann"}}
    assert "own" not in repr(settings)
    assert "ann" not in repr(settings)
