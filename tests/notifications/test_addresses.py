"""Where notifications may go: a table of addresses, each judged as written and as resolved."""

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications.addresses import AddressRefused, EndpointRules, resolve_host
from app.problems import InvalidInput

PUBLIC = EndpointRules()
TRYING_OUT = EndpointRules(allow_loopback=True)

CLOSED = (
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
)
OPEN = ("1.1.1.1", "9.9.9.9", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1")


def resolving_to(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda _, __: list(addresses)


def never(_: str, __: int) -> list[str]:
    raise AssertionError("nothing was to be resolved")


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", CLOSED)
def test_a_closed_address_is_refused_as_written_and_as_resolved(address: str) -> None:
    with pytest.raises(AddressRefused):
        PUBLIC.check_url(f"https://{bracketed(address)}/in")
    with pytest.raises(AddressRefused):
        PUBLIC.locate("https://receiver.example/in", resolve=resolving_to(address))
    with pytest.raises(AddressRefused):
        PUBLIC.check_address(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_an_open_address_is_taken_and_is_the_one_connected_to(address: str) -> None:
    url = "https://receiver.example:8443/in?a=b"
    target = PUBLIC.locate(url, resolve=resolving_to(address))
    assert (target.address, target.port) == (address, 8443)
    assert (target.host, target.secure) == ("receiver.example", True)
    PUBLIC.check_url(f"https://{bracketed(address)}/in")


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_open(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        with pytest.raises(AddressRefused):
            PUBLIC.check_address(address)


@pytest.mark.parametrize("closed", ["10.0.0.1", "::1", "fe80::1%eth0", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_closed_answer_among_open_ones_refuses_them_all(closed: str, place: int) -> None:
    answers = ["1.1.1.1", "2606:4700::1111"]
    answers.insert(place, closed)
    with pytest.raises(AddressRefused):
        PUBLIC.locate("https://receiver.example/", resolve=resolving_to(*answers))


def test_a_host_without_any_address_is_refused() -> None:
    with pytest.raises(AddressRefused):
        PUBLIC.locate("https://receiver.example/", resolve=resolving_to())


def test_a_host_is_resolved_once() -> None:
    asked: list[str] = []

    def rebinding(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["1.1.1.1"] if len(asked) == 1 else ["127.0.0.1"]

    target = PUBLIC.locate("https://receiver.example/", resolve=rebinding)
    assert (asked, target.address) == (["receiver.example"], "1.1.1.1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example",
        "//receiver.example/",
        "https://",
        "https:///in",
        "https://:443/in",
        "http://receiver.example/",
        "http://1.1.1.1/",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "https://receiver.example:0/",
        "https://receiver.example:65536/",
        "https://receiver.example:-1/",
        "https://receiver.example:x/",
        "https://user@receiver.example/",
        "https://user:secret@receiver.example/",
        "https://@receiver.example/",
        "https://receiver.example@10.0.0.1/",
        "https://receiver.example/#fragment",
        "https://receiver.example/a b",
        "https://receiver.example/\x00",
        "https://receiver.example/\n",
        "https://receiver\t.example/",
        " https://receiver.example/",
        "https://receiver.example\\@evil.example/",
        "https://b\u00fccher.example/",
        "https://receiver.example/\u00e9",
        "https://\uff11\uff10.0.0.1/",
        "https://[::1",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        "https://" + "a" * 2048 + ".example/",
        # The same address in other words.
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://010.0.0.1/",
        "https://10.0.0.1./",
        "https://1.1.1.1./",
        "https://1.1.1/",
        "https://0x/",
        "https://127.0.0.0x1/",
    ],
)
def test_a_url_that_may_mean_something_else_is_refused(url: str) -> None:
    for rules in (PUBLIC, TRYING_OUT):
        with pytest.raises(AddressRefused):
            rules.check_url(url)
        with pytest.raises(AddressRefused):
            rules.locate(url, resolve=never)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example:443/in",
        "HTTPS://Receiver.Example/in",
        "https://xn--bcher-kva.example/in",
        "https://receiver.example./in",
        "https://receiver-1.example/in?x=%C3%A9&y=~a;b",
        "https://1and1.example/",
    ],
)
def test_an_ordinary_url_is_taken(url: str) -> None:
    target = PUBLIC.locate(url, resolve=resolving_to("1.1.1.1"))
    assert (target.port, target.secure, target.url) == (443, True, url)


def test_the_default_port_follows_the_scheme() -> None:
    assert TRYING_OUT.locate("http://127.0.0.1/", resolve=resolving_to("127.0.0.1")).port == 80
    assert PUBLIC.locate("https://a.example/", resolve=resolving_to("1.1.1.1")).port == 443


# Loopback is for trying out on one machine, where it is admitted.


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://127.0.0.1:8080/in", "127.0.0.1"),
        ("http://[::1]:8080/in", "::1"),
        ("http://localhost:8080/in", "127.0.0.1"),
        ("https://localhost:8443/in", "127.0.0.1"),
        ("https://receiver.example/in", "127.0.0.1"),
    ],
)
def test_loopback_is_admitted_only_where_it_is_asked_for(url: str, answer: str) -> None:
    target = TRYING_OUT.locate(url, resolve=resolving_to(answer))
    assert target.address == answer
    with pytest.raises(AddressRefused):
        PUBLIC.locate(url, resolve=resolving_to(answer))


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://localhost/", "1.1.1.1"),
        ("http://localhost/", "10.0.0.1"),
        ("http://receiver.example/", "127.0.0.1"),
        ("http://localhost.example/", "127.0.0.1"),
        ("http://10.0.0.1/", "10.0.0.1"),
        ("https://10.0.0.1/", "10.0.0.1"),
        ("https://receiver.example/", "169.254.169.254"),
        ("https://receiver.example/", "::ffff:10.0.0.1"),
    ],
)
def test_where_loopback_is_admitted_nothing_else_is(url: str, answer: str) -> None:
    with pytest.raises(AddressRefused):
        TRYING_OUT.locate(url, resolve=resolving_to(answer))


# An installation may say to whom it sends at all.


def rules(*, hosts: str = "", networks: str = "public") -> EndpointRules:
    return EndpointRules.of(
        allow_loopback=False, hosts=hosts.split(), networks=tuple(networks.split())
    )


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("a.example", True),
        ("A.Example.", True),
        ("csw.gov.example", True),
        ("in.csw.gov.example", True),
        ("gov.example", False),
        ("evilgov.example", False),
        ("b.a.example", False),
        ("a.example.evil.example", False),
        ("1.1.1.1", False),
    ],
)
def test_only_hosts_of_the_list_are_sent_to(host: str, taken: bool) -> None:  # noqa: FBT001 - a verdict
    listed = rules(hosts="a.example .gov.example")
    if taken:
        assert listed.locate(f"https://{host}/", resolve=resolving_to("1.1.1.1"))
        return
    with pytest.raises(AddressRefused):
        listed.locate(f"https://{host}/", resolve=never)


@pytest.mark.parametrize(
    ("networks", "address", "taken"),
    [
        ("public 10.20.0.0/16", "10.20.1.1", True),
        ("public 10.20.0.0/16", "1.1.1.1", True),
        ("public 10.20.0.0/16", "10.21.1.1", False),
        ("public 10.20.0.0/16", "169.254.169.254", False),
        ("public 10.20.0.0/16", "::ffff:10.20.1.1", False),
        ("fd00:1::/32 198.17.0.0/16", "fd00:1::5", True),
        ("fd00:1::/32 198.17.0.0/16", "198.17.3.4", True),
        ("fd00:1::/32 198.17.0.0/16", "1.1.1.1", False),
    ],
)
def test_a_network_of_private_use_is_reached_only_where_it_is_named(
    networks: str,
    address: str,
    taken: bool,  # noqa: FBT001 - a verdict
) -> None:
    listed = rules(networks=networks)
    for host in ("a.example", bracketed(address)):
        if taken:
            found = listed.locate(f"https://{host}/", resolve=resolving_to(address))
            assert found.address == address
            continue
        with pytest.raises(AddressRefused):
            listed.locate(f"https://{host}/", resolve=resolving_to(address))


@pytest.mark.parametrize(
    "network",
    [
        "127.0.0.0/8",
        "169.254.0.0/16",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "10.0.0.1/8",
        "224.0.0.0/4",
        "10.0.0.0/33",
        "x",
        "::/0",
        "fe80::/10",
        "64:ff9b::/96",
        "2002::/16",
    ],
)
def test_a_network_that_leads_to_this_machine_or_nowhere_cannot_be_named(network: str) -> None:
    with pytest.raises(InvalidInput, match="delivery_networks"):
        rules(networks=network)


def test_a_refusal_repeats_no_address() -> None:
    for url in ("https://secret.example@10.0.0.1/", "http://secret.example/", "https://10.0.0.1/"):
        with pytest.raises(AddressRefused) as refusal:
            PUBLIC.check_url(url)
        assert "secret" not in str(refusal.value)
        assert "10.0.0.1" not in str(refusal.value)


# The system's resolver.


def test_the_resolver_knows_this_machine_and_says_no_to_nonsense() -> None:
    assert set(resolve_host("localhost", 443)) <= {"127.0.0.1", "::1"}
    assert resolve_host("127.0.0.1", 443) == ["127.0.0.1"]
    for nonsense in ("no-such-host.invalid", "a" * 64 + ".example", "", "a..b"):
        with pytest.raises(AddressRefused):
            resolve_host(nonsense or ".", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
def test_even_a_resolver_that_reads_old_notations_leads_nowhere_inside(host: str) -> None:
    for address in resolve_host(host, 443):
        with pytest.raises(AddressRefused):
            PUBLIC.check_address(ipaddress.ip_address(address))
