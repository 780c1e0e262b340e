"""Redis' URL: what is taken, what is refused, and that nothing but the place is ever told."""

from __future__ import annotations

import pytest

from unlearn.environment.redis_client import connect
from unlearn.environment.redis_url import read_redis_url
from unlearn.errors import SettingsError
from unlearn.settings import load_settings

SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("url", "place", "told"),
    [
        ("redis://127.0.0.1:6379/0", "127.0.0.1:6379", {"host": "127.0.0.1", "port": 6379, "db": 0}),
        ("redis://cache", "cache:6379", {"host": "cache", "port": 6379, "db": 0}),
        ("redis://cache:/", "cache:6379", {"port": 6379, "db": 0}),
        ("REDIS://Cache:1/7", "Cache:1", {"host": "Cache", "db": 7}),
        ("redis://my_redis.svc.:1", "my_redis.svc.:1", {"host": "my_redis.svc."}),
        ("redis://[::1]:7/2", "[::1]:7", {"host": "::1", "port": 7, "db": 2}),
        ("redis://[::1]", "[::1]:6379", {"host": "::1"}),
        ("redis://[fe80::1%25eth0]:7", "[fe80::1%eth0]:7", {"host": "fe80::1%eth0"}),
        ("redis://h?db=3", "h:6379", {"db": 3}),
        ("redis://h/3?db=3", "h:6379", {"db": 3}),
        ("redis://full:p%40ss%2Fw%23rd@h/0", "h:6379", {"username": "full", "password": "p@ss/w#rd"}),
        ("redis://:p%20w%25%C3%BC@h/0", "h:6379", {"username": None, "password": "p w%ü"}),
        ("redis://:a:b@h", "h:6379", {"password": "a:b"}),
        ("redis://:pässword@h", "h:6379", {"password": "pässword"}),
        ("redis://user@h", "h:6379", {"username": "user", "password": None}),
        ("redis://@h", "h:6379", {"username": None, "password": None}),
        ("redis://h?username=u&password=p%26w", "h:6379", {"username": "u", "password": "p&w"}),
        ("redis://h?ssl=true", "h:6379", {"ssl": True}),
        ("redis://h?ssl=false", "h:6379", {"host": "h"}),
        ("RedisS://h:1", "h:1", {"ssl": True}),
        ("rediss://h?ssl_cert_reqs=none", "h:6379", {"ssl": True, "ssl_cert_reqs": "none"}),
        ("rediss://h?ssl_ca_certs=/a/b.pem&ssl_check_hostname=no", "h:6379", {"ssl_check_hostname": False}),
        ("redis://h?socket_timeout=0.5&protocol=2&client_name=x", "h:6379", {"socket_timeout": 0.5, "protocol": 2}),
        ("unix:///run/redis.sock", "unix:///run/redis.sock", {"unix_socket_path": "/run/redis.sock", "db": 0}),
        ("unix://:pw@/run/r%20s?db=2", "unix:///run/r s", {"unix_socket_path": "/run/r s", "password": "pw", "db": 2}),
    ],
)
def test_a_well_formed_url_is_taken_and_only_its_place_is_shown(url: str, place: str, told: dict[str, object]) -> None:
    found = read_redis_url(url)
    assert str(found) == place
    assert told.items() <= found.client_options().items()
    assert ("ssl" in found.client_options()) == ("ssl" in told or "ssl_check_hostname" in told)
    connect(url).close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://full:p@ss/w#rd@host", "%40"),
        ("redis://full:p@ss@host", "%40"),
        ("redis://:p/ss@host", "%2F"),
        ("redis://:12345/ss@host", "%2F"),
        ("redis://user:1234#56@host", "%23"),
        ("redis://user:6379?hunter2@host", "%3F"),
        ("redis://:hunter2%hunter2@host", "%25"),
        ("redis://:%ff%fe@host", "UTF-8"),
        ("redis://hunter2 hunter2@host", "blanks"),
        ("redis://:hunter2\nhunter2@host", "blanks"),
        ("redis://:hunter2@", "not well formed"),
        ("redis://:hunter2@[::1", "not well formed"),
        ("redis://:hunter2@[12345]", "IPv6"),
        ("redis://:hunter2@host:hunter2", "not well formed"),
        ("redis://:hunter2@host:0", "port"),
        ("redis://:hunter2@host:65536", "port"),
        ("redis://:hunter2@ho..st", "no name"),
        ("redis://:hunter2@h\N{KELVIN SIGN}st", "not well formed"),
        ("redis:///0", "not a URL"),
        ("redis://", "not a URL"),
        ("host:6379", "not a URL"),
        ("hunter2://user:hunter2@host", "not a URL"),
        ("", "not a URL"),
        ("redis://host/mydb", "no number"),
        ("redis://host/0/1", "no number"),
        ("redis://host/-1", "no number"),
        ("redis://host/1?db=2", "two databases"),
        ("redis://host?db=x", "db has no fit value"),
        ("redis://host?socket_timeout=nan", "socket_timeout has no fit value"),
        ("redis://host?ssl=maybe", "ssl has no fit value"),
        ("redis://host?hunter2=1", "once each of"),
        ("redis://host?db=1&db=1", "once each of"),
        ("redis://host?retry_on_timeout=true", "once each of"),
        ("redis://host?decode_responses=true", "once each of"),
        ("redis://host?password", "name=value"),
        ("redis://host?ssl_ca_certs=/x", "rediss://"),
        ("rediss://host?ssl=false", "against it"),
        ("rediss://host?ssl_cert_reqs=maybe", "ssl_cert_reqs has no fit value"),
        ("unix://host/run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("unix:///run/a%00b", "three slashes"),
        ("unix:///run/redis.sock?ssl=true", "no TLS"),
    ],
)
def test_what_is_not_well_formed_is_refused_by_a_sentence(monkeypatch: pytest.MonkeyPatch, url: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z]") as refused:
        read_redis_url(url)
    assert why in str(refused.value)
    assert not any(piece in str(refused.value) for piece in ("hunter2", "p@ss", "1234"))
    if url:
        monkeypatch.setenv("UNLEARN_SECRET", SECRET)
        monkeypatch.setenv("UNLEARN_REDIS__URL", url)
        with pytest.raises(SettingsError, match=r"^UNLEARN_REDIS__URL: "):
            load_settings()
