"""What a message about a request must not repeat."""

import base64

import pytest

from lib.calls import targets
from lib.calls.redaction import sensitive_values

PAIR = base64.b64encode(b"ann:s3same").decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_hides_the_password_in_basic_credentials_however_the_scheme_is_written(scheme: str):
    hidden = sensitive_values({"authorization": f"{scheme} {PAIR}"}, targets.read("http://x/"))
    assert {"s3same", PAIR} <= hidden


@pytest.mark.parametrize("credentials", ["abcde", "é", "", "===="])
def test_credentials_that_are_no_base64_are_hidden_as_they_are(credentials: str):
    value = f"Basic {credentials}"
    assert value in sensitive_values({"authorization": value}, targets.read("http://x/"))
