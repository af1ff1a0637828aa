"""Where a call may go: every address behind a name is judged before anything connects to it.

Rule: public unicast only. RATCHET_ALLOW_ADDRESSES can add `loopback` and `private`; nothing adds the rest
(link-local, cloud metadata, multicast, documentation, reserved, obsolete tunnels). A refusal is the
standard authorization fault, 403.
"""

import asyncio
import re
import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Literal

from lib.config import settings
from lib.dsl import faults

type Address = IPv4Address | IPv6Address
type Verdict = Literal["public", "loopback", "private", "refused"]


def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


# Asked first, because some of these lie in a private or even a public range.
_METADATA = _networks(
    "169.254.169.254/32",  # AWS, Google, Azure, Oracle, DigitalOcean, …
    "169.254.170.2/32",  # AWS container credentials
    "100.100.100.200/32",  # Alibaba, inside the carriers' range
    "192.0.0.192/32",  # Oracle
    "168.63.129.16/32",  # Azure's host, inside a public range
    "fd00:ec2::/32",  # AWS (fd00:ec2::254 and its neighbours), inside the unique local range
    "fd20:ce::254/128",  # Google
)
_LOOPBACK = _networks("127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_REFUSED = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",  # link-local
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays, gone
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/3",  # multicast, reserved, broadcast
    "2001::/23",  # IETF protocol assignments: Teredo, ORCHID, benchmarks
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, gone
    "3fff::/20",  # documentation
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

# The Fetch standard's list: a request to one of these could be read as another protocol's commands.
_REFUSED_PORTS = frozenset(
    {
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
        103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
        512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
        995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
        6669, 6679, 6697, 10080,
    }
)  # fmt: skip


def judge(address: Address) -> Verdict:
    """What kind of place this is; an address that only carries an IPv4 address is judged as that."""
    carried = _carried_ipv4(address)
    if carried is not None:
        return judge(carried)
    if _among(address, _METADATA):
        return "refused"
    if _among(address, _LOOPBACK):
        return "loopback"
    if _among(address, _PRIVATE):
        return "private"
    if _among(address, _REFUSED) or (isinstance(address, IPv6Address) and not _is_plain_unicast(address)):
        return "refused"
    return "public"


def _among(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _carried_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that is meant: by a mapped one, or through NAT64, an IPv6-only network's way out."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _is_plain_unicast(address: IPv6Address) -> bool:
    """In the range given out to networks, without a zone, and not ISATAP (which carries an IPv4 address)."""
    isatap = (int(address) >> 32) & 0xFDFF_FFFF == 0x0000_5EFE
    return address in _GLOBAL_UNICAST and address.scope_id is None and not isatap


def read_literal(host: str) -> Address | None:
    """The address that `host` spells, None for a name; raises a Fault for any but the plain spelling.

    A host whose last label is a number is an IPv4 address to some programs (0x7f.1, 2130706433, 0177.0.0.1):
    what two parsers read differently is refused.
    """
    if ":" in host:
        try:
            return IPv6Address(host)
        except AddressValueError:
            raise faults.validation(f"'{host}' is not an address.") from None
    if not re.search(r"(^|\.)([0-9]+|0[xX][0-9a-fA-F]*)\.?$", host):
        return None
    try:
        return IPv4Address(host)
    except AddressValueError:
        raise faults.authorization(f"'{host}' is not the plain spelling of an address.") from None


def check_port(port: int) -> None:
    """Raise a Fault for a port that belongs to another protocol."""
    if port in _REFUSED_PORTS:
        raise faults.authorization(f"Port {port} is not one that a call may use.")


async def resolve(host: str, port: int) -> list[Address]:
    """Every address of this name, in the system's order; the only place that asks the name service."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as exc:
        raise faults.communication(f"The name '{host}' cannot be resolved.", 503) from exc
    return [
        IPv4Address(place[0]) if family == socket.AF_INET else IPv6Address(place[0]) for family, _, _, _, place in found
    ]


async def admit(host: str, port: int) -> list[Address]:
    """The addresses to connect to, in order; raises a Fault unless every address of this host is allowed."""
    literal = read_literal(host)
    addresses = await resolve(host, port) if literal is None else [literal]
    if not addresses:
        raise faults.communication(f"The name '{host}' has no address.", 503)
    verdicts = {judge(address) for address in addresses}
    refused = verdicts - {"public"} - settings().allow_addresses
    if refused:
        raise faults.authorization(_refusal(host, refused))
    return addresses


def _refusal(host: str, verdicts: set[Verdict]) -> str:
    sentence = f"A call may not go to '{host}': its address is not public"
    if "refused" in verdicts:
        return sentence + "."
    return f"{sentence} (allow it with RATCHET_ALLOW_ADDRESSES={','.join(sorted(verdicts))})."
