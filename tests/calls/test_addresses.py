"""The address guard: what every address is, how hosts may be spelled, and what connects after all."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import calls
from lib.calls import addresses, targets
from lib.calls.addresses import judge
from lib.dsl.faults import Fault
from tests.calls.conftest import HttpCaller
from tests.calls.server import answer, serve

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent


def table(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text().splitlines()
    return [line.split(maxsplit=2)[:2] for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("address", "verdict"), table("addresses.txt"))
def test_judges(address: str, verdict: str) -> None:
    assert judge(ip_address(address)) == verdict


@pytest.mark.parametrize(("url", "verdict"), table("urls.txt"))
def test_reads(url: str, verdict: str) -> None:
    try:
        read = targets.read(url).authority
    except Fault as fault:
        read = fault.type.rpartition("/")[2]
    assert read == verdict


# Reachable by the registry's letter, but no place for a workflow's call: metadata, anycast relays.
STRICTER = [ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")]


@given(st.ip_addresses(v=4))
def test_agrees_with_the_registry_on_ipv4(address: IPv4Address) -> None:
    reachable = address.is_global and not address.is_multicast and not address.is_reserved
    stricter = any(address in network for network in STRICTER)
    assert (judge(address) == "public") == (reachable and not stricter)


PREFIXES = st.sampled_from(
    (
        "::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::", "100::", "2001::", "2001:db8::", "2002::", "2600::",
        "2606:4700::5efe:0:0", "3fff::", "5f00::", "fc00::", "fd00:ec2::", "fe80::", "fec0::", "ff02::",
    )
)  # fmt: skip


@st.composite
def ipv6_addresses(draw: st.DrawFn) -> IPv6Address:
    """Anywhere, or near the borders that matter."""
    if draw(st.booleans()):
        return draw(st.ip_addresses(v=6))
    return IPv6Address(int(IPv6Address(draw(PREFIXES))) | draw(st.integers(0, 2**64 - 1)))


@given(ipv6_addresses())
def test_calls_no_ipv6_address_public_that_the_registry_does_not(address: IPv6Address) -> None:
    carried = address.ipv4_mapped
    if address.packed.startswith(IPv6Address("64:ff9b::").packed[:12]):
        carried = IPv4Address(address.packed[12:])
    if carried is not None:
        assert judge(address) == judge(carried)
    elif judge(address) == "public":
        assert address.is_global
        assert not address.is_multicast
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.ip_addresses(v=6, network="2400::/12"))
def test_calls_ordinary_ipv6_unicast_public(address: IPv6Address) -> None:
    assert judge(address) == ("refused" if address.packed[9:12] == b"\x00\x5e\xfe" else "public")


@pytest.mark.parametrize(
    ("allowed", "host", "admitted"),
    [
        ("", "127.0.0.1", False),
        ("", "10.0.0.1", False),
        ("loopback", "127.0.0.1", True),
        ("loopback", "::1", True),
        ("loopback", "10.0.0.1", False),
        ("private", "10.0.0.1", True),
        ("private", "127.0.0.1", False),
        ("loopback,private", "169.254.169.254", False),
        ("loopback,private", "fd00:ec2::254", False),
        ("loopback,private", "100.100.100.200", False),
        ("loopback,private", "::ffff:169.254.169.254", False),
    ],
)
async def test_the_environment_allows_what_it_names(allow, allowed, host, admitted) -> None:
    allow(allowed)
    if admitted:
        assert await addresses.admit(host, 80) == [ip_address(host)]
        return
    with pytest.raises(Fault) as caught:
        await addresses.admit(host, 80)
    assert caught.value.status == 403


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Make the name service give these answers, one after the other; returns the names it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[addresses.Address]:
        asked.append(host)
        return [ip_address(text) for text in answers[min(len(asked), len(answers)) - 1]]

    monkeypatch.setattr(addresses, "resolve", resolve)
    return asked


async def test_one_refused_address_refuses_the_name(monkeypatch) -> None:
    resolving(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(Fault, match="to 'mixed") as caught:
        await addresses.admit("mixed.example", 80)
    assert caught.value.status == 403


async def test_a_refusal_names_the_host_and_not_where_it_leads(monkeypatch) -> None:
    resolving(monkeypatch, ["10.1.2.3"])
    with pytest.raises(Fault) as caught:
        await addresses.admit("inside.example", 80)
    assert "inside.example" in str(caught.value)
    assert "10.1.2.3" not in str(caught.value)


async def test_a_name_that_changes_its_address_after_it_was_judged_gains_nothing(monkeypatch, http) -> None:
    """One lookup a connection, and the connection goes to what was judged: the name means nothing elsewhere."""
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    async with serve(lambda _: answer(200, "reached", content_type="text/plain")) as server:
        url = f"http://rebound.example:{server.port}/"
        assert await http(url) == "reached"
        assert asked == ["rebound.example"]
        assert await http(url) == "reached"  # over the same connection: nothing new to judge
        assert asked == ["rebound.example"]
        await calls.close()
        with pytest.raises(Fault) as caught:
            await http(url)
        assert caught.value.status == 403
        assert len(server.received) == 2


async def test_the_next_address_is_tried_when_the_first_does_not_answer(monkeypatch, http: HttpCaller) -> None:
    resolving(monkeypatch, ["127.0.0.2", "::1", "127.0.0.1"])
    async with serve(lambda _: answer(200, "reached", content_type="text/plain")) as server:
        assert await http(f"http://two.example:{server.port}/") == "reached"
        assert server.received[0].headers["host"] == f"two.example:{server.port}"


async def test_a_name_that_does_not_exist_is_a_communication_fault(monkeypatch, http: HttpCaller) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(Fault, match="cannot be resolved") as caught:
        await http("http://nowhere.example/")
    assert caught.value.status == 503


async def test_resolves_through_the_system() -> None:
    found = await addresses.resolve("localhost", 80)
    assert {judge(address) for address in found} == {"loopback"}
