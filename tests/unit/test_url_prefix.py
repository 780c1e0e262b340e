"""Which URLs may be called: those below a prefix of the list, and no other way to write one."""

from __future__ import annotations

import pytest

from unlearn.environment.url_prefix import is_covered, read_url_prefix

PREFIXES = ("https://a.example/dsr", "https://b.example:8443/", "http://127.0.0.1:9000")


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/dsr",
        "https://A.example:443/dsr/done?x=1",
        "https://b.example:8443/anything/at/all",
        "http://127.0.0.1:9000/x",
    ],
)
def test_what_is_below_a_prefix_is_covered(url: str) -> None:
    assert is_covered(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/dsrx",
        "https://a.example/",
        "https://a.example:8443/dsr",
        "https://a.example.evil.example/dsr",
        "https://b.example/",
        "http://127.0.0.1:9001/x",
        "https://169.254.169.254/latest",
    ],
)
def test_what_is_elsewhere_is_not(url: str) -> None:
    assert not is_covered(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example/dsr",
        "ftp://a.example/dsr",
        "file:///etc/passwd",
        "http://a.example/dsr",
        "https://user@a.example/dsr",
        "https://a.example/dsr#x",
        "https://a.example/dsr/../admin",
        "https://a.example/dsr/%2e%2e/admin",
        "https://a.example/dsr/..;/admin",
        "https://a.example/dsr/%2e.%3Bx=1/admin",
        "https://a.example/dsr/..%2fadmin",
        "https://a.example\\@evil.example/dsr",
        "https://a.example/dsr\n",
        "https://a.example/d sr",
        "https://a.example:port/dsr",
        "https://a.exämple/dsr",
        "https://[::1/dsr",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|http"):
        read_url_prefix(url)
