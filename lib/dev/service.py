"""The small world that the example workflows call: cities and their days, a shop, a deployment.

On this machine only. It remembers in memory, takes its time on purpose, and fails on purpose where it says so.
"""

import asyncio
import json
import math
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import h11

from lib.dev.listener import Listener
from lib.dev.wire import Wire

PORT = 3939  # the port that the documents in lib/examples name when their input names no service
DATA = Path(__file__).parent.parent / "examples" / "zone.tab"
LATENCY_SECONDS = 0.08
BAD_ANSWERS = 2
CENTS = 1200


@dataclass
class Call:
    """What a request asks: values of the path and the query, the body."""

    values: tuple[str, ...]
    query: dict[str, str]
    body: dict[str, Any]


@dataclass
class World:
    """What the service remembers while it runs."""

    attempts: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def list_cities(self, _call: Call) -> tuple[int, Any]:
        """The rows of the data set, coordinates in degrees."""
        return 200, read_cities(DATA.read_text())

    def tell_daylight(self, call: Call) -> tuple[int, Any]:
        """How long the sun is up on a date at a place."""
        day = date.fromisoformat(call.query["date"])
        return 200, {"minutes": daylight_minutes(day, float(call.query["latitude"]))}

    def reserve(self, call: Call) -> tuple[int, Any]:
        """Put goods aside for an order."""
        return 201, {"id": secrets.token_hex(4), "cents": CENTS * int(call.body["quantity"])}

    def release(self, _call: Call) -> tuple[int, Any]:
        """Give them back."""
        return 200, {"released": True}

    def charge(self, call: Call) -> tuple[int, Any]:
        """Charge a card: 402 for a declined one, and 503 for the first attempts of every order."""
        order = str(call.body["order"])
        self.attempts[order] = attempt = self.attempts.get(order, 0) + 1
        if attempt <= BAD_ANSWERS:
            return 503, {"detail": f"overloaded, attempt {attempt} refused"}
        if call.body["card"] == "declined":
            return 402, {"detail": "the card was declined"}
        return 201, {"charged_cents": call.body["cents"], "attempts": attempt}

    def deploy(self, call: Call) -> tuple[int, Any]:
        """Give a version a small share of the traffic."""
        deployment = secrets.token_hex(4)
        self.versions[deployment] = call.body["version"]
        return 201, {"id": deployment, "share": call.body["share"]}

    def probe(self, call: Call) -> tuple[int, Any]:
        """Look at one thing of a deployment; a version named broken has errors."""
        bad = "broken" in self.versions.get(call.values[0], "")
        return 200, {"what": call.query["what"], "errors": 3 if bad else 0}

    def promote(self, _call: Call) -> tuple[int, Any]:
        """All traffic to it."""
        return 200, {"share": 100}

    def roll_back(self, call: Call) -> tuple[int, Any]:
        """No traffic to it."""
        self.versions.pop(call.values[0], None)
        return 200, {"share": 0}


ROUTES: list[tuple[str, str, Callable[[World, Call], tuple[int, Any]]]] = [
    ("GET", r"/cities", World.list_cities),
    ("GET", r"/daylight", World.tell_daylight),
    ("POST", r"/reservations", World.reserve),
    ("DELETE", r"/reservations/(\w+)", World.release),
    ("POST", r"/payments", World.charge),
    ("POST", r"/deployments", World.deploy),
    ("GET", r"/deployments/(\w+)/probe", World.probe),
    ("POST", r"/deployments/(\w+)/promotion", World.promote),
    ("DELETE", r"/deployments/(\w+)", World.roll_back),
]


class Service:
    """Answers on `url` while the `async with` block lasts: on `port`, or on a free one if that is taken."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._world = World()
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            self.port = await self._listener.open(self.port)
        except OSError:
            self.port = await self._listener.open(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close()

    async def _serve(self, wire: Wire) -> None:
        while isinstance(request := await wire.receive(), h11.Request):
            await self._answer(wire, request)
            wire.protocol.start_next_cycle()

    async def _answer(self, wire: Wire, request: h11.Request) -> None:
        body = b""
        while isinstance(event := await wire.receive(), h11.Data):
            body += event.data
        await asyncio.sleep(LATENCY_SECONDS * (0.5 + secrets.randbelow(100) / 100))
        status, answer = self._decide(request.method.decode(), request.target.decode(), body)
        data = json.dumps(answer).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
        await wire.send(h11.Response(status_code=status, headers=headers), h11.Data(data=data), h11.EndOfMessage())

    def _decide(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for verb, pattern, handler in ROUTES:
            if verb == method and (match := re.fullmatch(pattern, parts.path)):
                try:
                    return handler(self._world, Call(match.groups(), query, json.loads(body or b"{}")))
                except (KeyError, ValueError) as error:
                    return 400, {"detail": f"{type(error).__name__}: {error}"}
        return 404, {"detail": f"no {method} {parts.path} here"}


def read_cities(table: str) -> list[dict[str, Any]]:
    """The rows of a zone.tab: `{city, region, country, latitude, longitude}`."""
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return [_read_city(country, coordinates, zone) for country, coordinates, zone, *_ in rows]


def _read_city(country: str, coordinates: str, zone: str) -> dict[str, Any]:
    latitude, longitude = re.findall(r"[+-]\d+", coordinates)
    return {
        "city": zone.split("/")[-1].replace("_", " "),
        "region": zone.split("/")[0],
        "country": country,
        "latitude": _degrees(latitude, 2),
        "longitude": _degrees(longitude, 3),
    }


def _degrees(text: str, digits: int) -> float:
    """ISO 6709: `digits` of degrees, two of minutes, perhaps two of seconds."""
    whole, minutes, seconds = text[1 : 1 + digits], text[1 + digits : 3 + digits], text[3 + digits :] or "0"
    degrees = int(whole) + int(minutes) / 60 + int(seconds) / 3600
    return round(-degrees if text[0] == "-" else degrees, 3)


def daylight_minutes(day: date, latitude: float) -> int:
    """Minutes between sunrise and sunset, after the Astronomical Almanac's low-precision formula for the sun.

    The sun has risen when its upper rim shows: its centre is then 0.833° below the horizon.
    """
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    days = (noon - datetime(2000, 1, 1, 12, tzinfo=UTC)).days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    mean = 280.460 + 0.9856474 * days
    ecliptic = math.radians(mean + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    declination = math.asin(math.sin(math.radians(23.439)) * math.sin(ecliptic))
    here = math.radians(latitude)
    cosine = (math.sin(math.radians(-0.833)) - math.sin(here) * math.sin(declination)) / (
        math.cos(here) * math.cos(declination)
    )
    return round(math.degrees(math.acos(min(1.0, max(-1.0, cosine)))) * 8)
