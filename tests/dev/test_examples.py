"""What the examples rest on: documents that publish, a data set with its source, a service that knows the sky."""

from datetime import date
from pathlib import Path

import pytest

from lib import dsl
from lib.dev.project import EXAMPLES
from lib.dev.service import DATA, PORT, daylight_minutes, read_cities


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_can_be_published_and_knows_where_its_service_is(file: Path) -> None:
    document = dsl.compile_document(dsl.read(file.read_bytes(), "application/yaml"))
    assert (document.namespace, document.name) == ("examples", file.stem)
    assert f"http://127.0.0.1:{PORT}" in document.definition["input"]["from"]


def test_the_data_set_names_its_source_and_licence() -> None:
    text = DATA.read_text()
    assert "https://www.iana.org/time-zones" in text
    assert "public domain" in text
    cities = read_cities(text)
    assert len(cities) == 22
    assert cities[3] == {
        "city": "London",
        "region": "Europe",
        "country": "GB",
        "latitude": 51.508,
        "longitude": -0.125,
    }


@pytest.mark.parametrize(
    ("latitude", "day", "hours"),
    [
        (51.508, date(2026, 6, 21), "16:38"),
        (51.508, date(2026, 12, 21), "7:50"),
        (-54.8, date(2026, 6, 21), "7:12"),
        (0.0, date(2026, 3, 20), "12:07"),
        (78.0, date(2026, 6, 21), "24:00"),
        (78.0, date(2026, 12, 21), "0:00"),
    ],
)
def test_days_are_as_long_as_almanacs_say(latitude: float, day: date, hours: str) -> None:
    expected = int(hours.split(":")[0]) * 60 + int(hours.split(":")[1])
    assert daylight_minutes(day, latitude) == pytest.approx(expected, abs=1)
