"""By which names a server may be asked for, and whose pages may send it something."""

from __future__ import annotations

import pytest

from unlearn.errors import HttpRefused
from unlearn.http_server.hosts import Hosts
from unlearn.service_settings.console import ConsoleSettings

HOSTS = Hosts("10.1.2.4", ("Ops.example",), "UNLEARN_X__HOSTS")


@pytest.mark.parametrize(
    "host",
    [
        *("ops.example", "OPS.EXAMPLE:8082", "ops.example.", "localhost", "localhost:8082", "LocalHost."),
        *(
            "10.1.2.3",
            "10.1.2.3:9100",
            "127.0.0.1:1",
            "0.0.0.0:8082",
            "[::1]:8082",
            "[fd00::7]",
            "[::ffff:10.0.0.1]:80",
        ),
        *("", None),
    ],
)
def test_own_names_and_addresses_are_known(host: str | None) -> None:
    HOSTS.require_known(host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8082", "ops.example.evil.example", "xops.example", "localhost.evil.example"),
        *("10.1.2.3.evil.example", "10.1.2", "0x7f000001", "[evil.example]", "ops.example:x", "a@ops.example", ":8082"),
        *("ops.example,evil.example", "ops.example evil.example", "::1", "[::1", " "),
    ],
)
def test_any_other_name_is_refused_and_the_setting_is_named(host: str) -> None:
    with pytest.raises(HttpRefused, match="UNLEARN_X__HOSTS") as refused:
        HOSTS.require_known(host)
    assert refused.value.code == 421
    assert host[:20] in str(refused.value)


def test_it_is_known_by_the_name_it_listens_on_however_that_is_written() -> None:
    listening = Hosts("Pod-0.Workers.", (), "UNLEARN_X__HOSTS")
    for host in ("pod-0.workers:9100", "POD-0.workers."):
        listening.require_known(host)


def test_a_long_name_and_letters_that_are_no_text_are_shown_short_and_as_numbers() -> None:
    with pytest.raises(HttpRefused) as refused:
        HOSTS.require_known("\x1b[2J" + "e" * 10_000)
    assert "\\x1b[2J" in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "ops.example"),
        ("http://10.1.2.3:8082", "10.1.2.3:8082"),
        ("http://localhost:8082", "localhost:8082"),
        ("https://OPS.example", "ops.example"),
        # Behind a proxy that asks by another name.
        ("https://ops.example", "10.1.2.3:8082"),
    ],
)
def test_its_own_pages_may_send_it_something(origin: str | None, host: str) -> None:
    HOSTS.require_same_site(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "10.1.2.3:8082"),
        ("http://10.6.6.6", "10.1.2.3:8082"),
        ("http://localhost:3000", "localhost:8082"),
        # Where it listens: others have pages there too, on other ports.
        ("http://10.1.2.4:3000", "10.1.2.4:8082"),
        ("http://ops.example.evil.example", "ops.example"),
        ("null", "ops.example"),
        ("", ""),
        ("http://evil.example", None),
    ],
)
def test_pages_of_others_may_not(origin: str, host: str | None) -> None:
    with pytest.raises(HttpRefused, match="UNLEARN_X__HOSTS") as refused:
        HOSTS.require_same_site(origin, host)
    assert refused.value.code == 403


@pytest.mark.parametrize("name", ["https://ops.example", "ops.example:8082", "*.example", "", "-x", "a b"])
def test_a_setting_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        ConsoleSettings(hosts=(name,))
