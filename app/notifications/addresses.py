"""Which addresses a notification may be sent to: public ones over https, judged one by one.

The standard library's `is_global` lets through what leads inside (mapped, translated and
reserved ranges), so the table is our own. Sources: the IANA special-purpose address
registries for IPv4 and IPv6.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from app.problems import InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]

HTTPS_PORT = 443
HTTP_PORT = 80
LONGEST_URL = 2048
# What two programs could read in two ways is not sent to: blanks, controls, backslashes, and
# hosts that end in a number, which some take for an address in octal, hexadecimal or parts.
_PLAIN = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")
_NUMBER = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?")

_CLOSED_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link local, cloud metadata
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# Of IPv6 only global unicast is open at all; inside it these are not.
_OPEN_IPV6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_IPV6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)


# What a government's own network is made of (RFC 1918, RFC 6598, RFC 4193): open where it is named.
_PRIVATE_USE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# In a list of networks: every public address.
PUBLIC = "public"


class AddressRefused(Exception):
    """Nothing may be sent there. The message says why and repeats no address."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with the address that was judged: the connection goes to that one."""

    url: str
    host: str
    port: int
    secure: bool
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRules:
    """The rules of this installation.

    `allow_loopback` admits http to loopback and nothing more. `hosts` are the only ones, all if
    there are none; one that begins with a dot stands for every name below it. Addresses lie in
    `networks`, or are public ones if `public`.
    """

    allow_loopback: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    public: bool = True

    @classmethod
    def of(
        cls, *, allow_loopback: bool, hosts: Iterable[str], networks: Sequence[str]
    ) -> "EndpointRules":
        """The rules from the words of the settings.

        Raises:
            InvalidInput: a network that is none, or whose addresses nobody may be sent to.
        """
        return cls(
            allow_loopback=allow_loopback,
            hosts=frozenset(host.lower() for host in hosts),
            networks=tuple(_network(text) for text in networks if text != PUBLIC),
            public=PUBLIC in networks,
        )

    def check_url(self, url: str) -> SplitResult:
        """The parts of an acceptable endpoint address, or AddressRefused."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise AddressRefused("expected a web address") from None
        if len(url) > LONGEST_URL or not parts.hostname or port == 0:
            raise AddressRefused("expected a web address")
        if not _PLAIN.fullmatch(url):
            raise AddressRefused("expected an address in ASCII (RFC 3986), other names as xn--")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise AddressRefused("expected an address without user, password or fragment")
        if parts.scheme != "https" and not self._is_loopback_http(parts):
            raise AddressRefused(
                "expected an address that begins with https:// (http:// is taken on the loopback "
                "address alone, and only if the service sets THROUGHCARE_ALLOW_LOOPBACK_DELIVERY)"
            )
        literal = _literal(parts.hostname)
        if literal is not None:
            self.check_address(literal)
        elif "[" in parts.netloc or _NUMBER.fullmatch(parts.hostname):
            raise AddressRefused("expected a host name, or an address in its usual form")
        if not self._is_listed(parts.hostname):
            raise AddressRefused("expected a host that this installation sends to")
        return parts

    def check_address(self, address: Address) -> None:
        """Refuse an address that is neither a public one nor in a network that was named."""
        if self.allow_loopback and address.is_loopback:
            return
        if any(address in network for network in self.networks):
            return
        if not self.public:
            raise AddressRefused("expected an address in a network that this installation sends to")
        if not _is_open(address):
            raise AddressRefused("expected a public address")

    def locate(self, url: str, *, resolve: Resolve) -> Target:
        """Resolve once and judge every answer; one closed address refuses them all."""
        parts = self.check_url(url)
        host = str(parts.hostname)
        secure = parts.scheme == "https"
        port = parts.port or (HTTPS_PORT if secure else HTTP_PORT)
        found = [ipaddress.ip_address(text.split("%")[0]) for text in resolve(host, port)]
        if not found:
            raise AddressRefused("the host has no address")
        for address in found:
            self.check_address(address)
            if not secure and not address.is_loopback:
                raise AddressRefused("expected an address that begins with https://")
        return Target(url, host, port, secure, str(found[0]))

    def _is_listed(self, host: str) -> bool:
        """Whether this is a host of the list; a name in full may end with a dot."""
        if not self.hosts:
            return True
        name = host.removesuffix(".")
        above = {name[place:] for place, letter in enumerate(name) if letter == "."}
        return name in self.hosts or not above.isdisjoint(self.hosts)

    def _is_loopback_http(self, parts: SplitResult) -> bool:
        if not self.allow_loopback or parts.scheme != "http":
            return False
        literal = _literal(str(parts.hostname))
        return parts.hostname == "localhost" or (literal is not None and literal.is_loopback)


def resolve_host(host: str, port: int) -> list[str]:
    """Every address of a host, by the system's resolver; AddressRefused where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused("the host has no address") from None
    return [str(one[4][0]) for one in found]


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise InvalidInput(
            "delivery_networks: expected public, or networks such as 10.1.0.0/16"
        ) from None
    private = any(network[0] in one and network[-1] in one for one in _PRIVATE_USE)
    if not (private or _is_public(network)):
        raise InvalidInput(
            f"delivery_networks: {network} is neither a public network nor one of private use"
        )
    return network


def _is_public(network: Network) -> bool:
    """Whether every address of it is open."""
    if isinstance(network, ipaddress.IPv4Network):
        return not any(network.overlaps(closed) for closed in _CLOSED_IPV4)
    return network.subnet_of(_OPEN_IPV6) and not any(map(network.overlaps, _CLOSED_IPV6))


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_open(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_IPV4)
    return address in _OPEN_IPV6 and not any(address in network for network in _CLOSED_IPV6)
