"""A Redis that says no, or that is of another kind: each command tells it as what it is, and no traceback."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from pydantic import SecretStr

from tests.harness.certificates import Authority
from tests.harness.settings import SECRET
from tests.harness.tls_proxy import listening, tls_proxy
from tests.harness.waiting import until
from tests.harness.worker_harness import WorkerHarness
from tests.servers import redis_server
from unlearn.cli import main as cli_main
from unlearn.environment.redis_client import connect
from unlearn.errors import Refused, StateDenied, StateUnavailable, StateUnsupported
from unlearn.settings import RedisSettings
from unlearn.state.client import client_of
from unlearn.state.health import look
from unlearn.state.keys import Keys
from unlearn.state.scripts import PartitionState, Token
from unlearn.state.snapshot import read_snapshot
from unlearn.worker.preflight import check_redis

PASSWORD = "correct horse/battery@staple"
COMMANDS = [
    "work",
    "work --drain",
    "status",
    "status --json",
    "pending",
    "preview --record r",
    "record r",
    "answer --record r",
    "resolve",
    "retry",
    "quiet",
    "console --check",
    "verify",
]
TOKEN = Token(1, "0" * 32)
HOSTS = ("localhost", "127.0.0.1")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Without settings of the shell's; `work` takes the signals and the log for itself."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger().handlers[:]
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UNLEARN_SECRET", SECRET)
    monkeypatch.setenv("UNLEARN_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("UNLEARN_KAFKA__REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("UNLEARN_TRAINERS", "0")
    monkeypatch.setattr("unlearn.cli.commands.operators.work.configure", lambda *_, **__: None)
    yield monkeypatch
    logging.getLogger().handlers[:] = root
    for number, handler in handlers.items():
        signal.signal(number, handler)


Say = Callable[[str, str], tuple[int | str | None, str]]


@pytest.fixture
def say(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Say:
    """Runs a command against a Redis: its exit code, and all that it printed."""

    def run(command: str, url: str) -> tuple[int | str | None, str]:
        environment.setenv("UNLEARN_REDIS__URL", url)
        environment.setenv("UNLEARN_SERVICES_DIR", str(tmp_path / "services"))
        with pytest.raises(SystemExit) as end:
            cli_main.main(command.split())
        printed = capsys.readouterr()
        return end.value.code, printed.out + printed.err

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[int]:
    with redis_server(folder / "cluster", "cluster-enabled yes") as port:
        yield port


@pytest.fixture(scope="module")
def sentinel(folder: Path) -> Iterator[int]:
    with redis_server(folder / "sentinel", sentinel=True) as port:
        yield port


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[int]:
    """With a password, users of few rights, and no append-only file."""
    users = (
        "user nothing on >nothing-at-all ~* -@all",
        "user blind on >see-no-evil! ~* +@all -config -info",
        "user half on >half-of-them! ~* +@all -config",
        "user elsewhere on >other-keys! ~other:* +@all",
        "user reader on >only-reads! ~* +@all -@write",
        "user off off >switched-off ~* +@all",
        "user nowhere on >no-select! ~* +@all -select",
    )
    with redis_server(folder / "guarded", f'requirepass "{PASSWORD}"', *users) as port:
        yield port


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[int]:
    with redis_server(folder / "plain") as port:
        yield port


def login(user: str, password: str, port: int, more: str = "/0") -> str:
    return f"redis://{user}:{quote(password, safe='')}@127.0.0.1:{port}{more}"


# -- other kinds of Redis


@pytest.mark.parametrize("database", ["", "/0", "/3"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_cluster_is_not_supported_yet(say: Say, cluster: int, command: str, database: str) -> None:
    code, said = say(command, f"redis://127.0.0.1:{cluster}{database}")
    assert code == 65
    assert f"127.0.0.1:{cluster}" in said
    assert "clusters aren't supported yet" in said
    assert "did not answer" not in said


@pytest.mark.parametrize("database", ["", "/0", "/3"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_sentinel_is_not_supported_yet(say: Say, sentinel: int, command: str, database: str) -> None:
    code, said = say(command, f"redis://127.0.0.1:{sentinel}{database}")
    assert code == 65
    assert f"127.0.0.1:{sentinel}" in said
    assert "Sentinel" in said
    assert "aren't supported yet" in said


def test_every_answer_of_a_cluster_is_told_as_such(folder: Path) -> None:
    with redis_server(folder / "slots", "cluster-enabled yes") as port:
        client = connect(f"redis://127.0.0.1:{port}")
        state = PartitionState(client, Keys("m", 0), patience=0.1)
        # Without slots it is down
        for ask in (state.load, state.stopped, lambda: state.claim(TOKEN, {"applied": 0})):
            with pytest.raises(StateUnsupported, match="clusters aren't supported yet"):
                ask()
        # With slots it refuses keys of several
        client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))  # type: ignore[no-untyped-call]
        with pytest.raises(StateUnsupported, match="clusters aren't supported yet"):
            read_snapshot(client, [("MGET", "a", "b")])
        client.close()


def test_a_replica_is_no_master(say: Say, folder: Path, plain: int) -> None:
    with redis_server(folder / "replica", f"replicaof 127.0.0.1 {plain}") as port:
        code, said = say("work", f"redis://127.0.0.1:{port}")
        assert (code, "it is a slave, not a master" in said) == (65, True)
        state = PartitionState(connect(f"redis://127.0.0.1:{port}"), Keys("m", 0), patience=0.1)
        with pytest.raises(StateUnavailable, match="it is a replica, name its master"):
            state.claim(TOKEN, {"applied": 0})


# -- refusals


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("user", "password", "more", "words"),
    [
        (None, None, "/0", "asks for a login"),
        ("", "wrong-password", "/0", "refuses the login"),
        ("nobody", "wrong-password", "/0", "refuses the login"),
        ("off", "switched-off", "/0", "refuses the login"),
        ("", PASSWORD, "/99", "has no database of the number"),
        ("nowhere", "no-select!", "/1", "denies SELECT"),
    ],
)
def test_a_refusal_in_connecting_is_told_as_what_it_is(
    say: Say, guarded: int, command: str, user: str | None, password: str | None, more: str, words: str
) -> None:
    url = f"redis://127.0.0.1:{guarded}" if user is None else login(user, password or "", guarded, more)
    for form in ("", "?protocol=2"):
        code, said = say(command, url + form)
        assert code == 77
        assert words in said
        assert f"127.0.0.1:{guarded}" in said
        assert "did not answer" not in said
        assert not password or password not in said


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("nothing", "nothing-at-all", "denies"),
        ("elsewhere", "other-keys!", "denies the model's keys"),
        ("reader", "only-reads!", "denies"),
    ],
)
def test_what_a_user_may_not_do_is_named(guarded: int, user: str, password: str, words: str) -> None:
    client = connect(login(user, password, guarded))
    state = PartitionState(client, Keys("m", 0), patience=0.1)
    with pytest.raises(StateDenied, match=words) as refused:
        state.claim(TOKEN, {"applied": 0})
    assert "ACL" in str(refused.value)
    client.close()


def test_a_user_without_config_needs_no_setting(say: Say, guarded: int) -> None:
    client = connect(login("half", "half-of-them!", guarded))
    check_redis(client)
    assert look(client)["maxmemory_policy"] == "noeviction"
    assert "hash_fields" not in look(client)
    client.close()


def test_the_limit_of_small_hashes_is_read(plain: int) -> None:
    client = connect(f"redis://127.0.0.1:{plain}/0")
    client.config_set("hash-max-ziplist-entries", 100)
    assert look(client)["hash_fields"] == 100
    client.config_set("hash-max-ziplist-entries", 512)
    client.close()


@pytest.mark.parametrize("hidden", [("CONFIG",), ("CONFIG", "INFO")])
def test_a_redis_that_hides_commands_can_be_used(
    folder: Path, caplog: pytest.LogCaptureFixture, hidden: tuple[str, ...]
) -> None:
    # Given a managed Redis
    lines = [f'rename-command {name} ""' for name in hidden]
    with redis_server(folder / "-".join(hidden), "appendonly yes", *lines) as port:
        client = connect(f"redis://127.0.0.1:{port}")
        # When only CONFIG is hidden, INFO tells the same; without INFO its owner has to answer for it
        if "INFO" in hidden:
            with pytest.raises(Refused, match="UNLEARN_REDIS__UNCHECKED=true"):
                check_redis(client)
            assert "whether it drops" not in caplog.text
            check_redis(client, unchecked=True)
            assert "whether it drops keys when memory is full" in caplog.text
            assert "whether it is a master" not in caplog.text
        else:
            check_redis(client)
            assert caplog.text == ""
        # Then role and mode are known all the same
        assert (look(client)["role"], look(client)["redis_mode"]) == ("master", "standalone")
        client.close()


def test_without_info_config_tells_the_policy(folder: Path) -> None:
    with redis_server(folder / "no-info", 'rename-command INFO ""', "maxmemory-policy allkeys-lru") as port:
        for form in ("", "?protocol=2"):
            client = connect(f"redis://127.0.0.1:{port}{form}")
            with pytest.raises(Refused, match="maxmemory-policy is allkeys-lru"):
                check_redis(client, unchecked=True)
            client.close()


def test_a_worker_works_on_a_redis_that_hides_info_and_config(guarded: int, tmp_path: Path) -> None:
    blind = RedisSettings(url=SecretStr(login("blind", "see-no-evil!", guarded)), unchecked=True)
    harness = WorkerHarness(blind.url.get_secret_value(), tmp_path, redis=blind)
    try:
        harness.worker.redis._due_at = 0.0
        harness.worker.turn(0)
        assert harness.worker.redis.unfit == ""
        assert harness.status().redis == ()
        harness.worker.redis._unchecked, harness.worker.redis._due_at = False, 0.0
        harness.worker.turn(0)
        assert "UNLEARN_REDIS__UNCHECKED" in harness.worker.redis.unfit
    finally:
        harness.close()


def test_unknown_commands_never_repeat_the_password(say: Say, folder: Path) -> None:
    lines = ('rename-command HELLO ""', 'rename-command AUTH ""')
    with redis_server(folder / "old", *lines) as port:
        for form, name in (("", "HELLO"), ("?protocol=2", "AUTH")):
            for user in ("", "full"):
                code, said = say("status", login(user, "hunter2-hunter2", port, f"/0{form}"))
                assert code == 77
                assert f"knows no {name}" in said
                assert "hunter2" not in said


def test_a_login_that_nobody_asks_for(say: Say, plain: int) -> None:
    code, said = say("status", login("", "hunter2-hunter2", plain, "/0?protocol=2"))
    assert (code, "needs no login" in said, "hunter2" in said) == (77, True, False)


# -- the network, and TLS


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority", "authority")


@pytest.fixture(scope="module")
def tls(plain: int, authority: Authority) -> Iterator[int]:
    """A Redis behind TLS."""
    with tls_proxy(plain, authority.issue("redis", HOSTS)) as port:
        yield port


def _as_http(wire: socket.socket) -> None:
    with contextlib.suppress(OSError), wire:
        wire.recv(1000)
        wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_redis_behind_tls_is_reached(tls: int, plain: int, authority: Authority, folder: Path) -> None:
    url = f"rediss://localhost:{tls}/0"
    locked = authority.issue("locked", password="of the key")
    with tls_proxy(plain, authority.issue("asking", HOSTS), authority.file) as mutual:
        for values in (
            {"url": f"{url}?ssl_ca_certs={quote(str(authority.file))}"},
            {"url": f"redis://localhost:{tls}/0?ssl=true&ssl_cert_reqs=none"},
            {"url": url, "ssl_cafile": authority.file},
            {
                "url": f"rediss://127.0.0.1:{mutual}",
                "ssl_cafile": authority.file,
                "ssl_certfile": locked.with_suffix(".crt"),
                "ssl_keyfile": locked.with_suffix(".key"),
                "ssl_key_password": "of the key",
            },
        ):
            client = client_of(RedisSettings.model_validate(values))
            check_redis(client)
            client.close()


@pytest.mark.parametrize(
    ("certificate", "settings", "words"),
    [
        ("expired", {"CAFILE": "{authority}"}, "not valid now (certificate has expired)"),
        ("elsewhere", {"CAFILE": "{authority}"}, "is for another name (IP address mismatch"),
        (
            "usual",
            {},
            "isn't trusted (unable to get local issuer certificate): name its authority in UNLEARN_REDIS__SSL_",
        ),
        ("usual", {"CAFILE": "{stranger}"}, "isn't trusted"),
        ("usual", {"CAFILE": "/"}, "UNLEARN_REDIS__SSL_CAFILE: / is a folder"),
        ("usual", {"CAFILE": "{pipe}"}, "UNLEARN_REDIS__SSL_CAFILE: {pipe} is no regular file"),
        ("asking", {"CAFILE": "{authority}"}, "set UNLEARN_REDIS__SSL_CERTFILE and UNLEARN_REDIS__SSL_KEYFILE"),
        ("asking", {"CAFILE": "{authority}", "CERTFILE": "{strange}"}, "doesn't take our certificate"),
        (
            "asking",
            {"CAFILE": "{authority}", "CERTFILE": "{locked}"},
            "has a password: set UNLEARN_REDIS__SSL_KEY_PASS",
        ),
    ],
)
def test_a_mistake_in_tls_is_told_as_what_it_is(
    say: Say,
    environment: pytest.MonkeyPatch,
    plain: int,
    authority: Authority,
    tmp_path: Path,
    certificate: str,
    settings: dict[str, str],
    words: str,
) -> None:
    stranger = Authority(tmp_path, "stranger")
    places = {
        "authority": authority.file,
        "stranger": stranger.file,
        "strange": stranger.issue("strange"),
        "locked": authority.issue("locked", password="of the key"),
        "pipe": tmp_path / "pipe",
    }
    os.mkfifo(places["pipe"])
    hosts, days = ("broker.example",) if certificate == "elsewhere" else HOSTS, -1 if certificate == "expired" else 30
    for name, value in settings.items():
        environment.setenv(f"UNLEARN_REDIS__SSL_{name}", value.format(**places))
    clients = authority.file if certificate == "asking" else None
    with tls_proxy(plain, authority.issue(certificate, hosts, days=days), clients) as port:
        code, said = say("status", f"rediss://127.0.0.1:{port}")
    assert (code, said.count("\n")) == (77, 1), said
    assert words.format(**places) in said


@pytest.mark.parametrize(
    ("url", "words", "code"),
    [
        ("rediss://127.0.0.1:{tls}", "isn't trusted", 77),
        (
            "rediss://127.0.0.1:{tls}?ssl_ca_certs=/no/such/file",
            "ssl_ca_certs in UNLEARN_REDIS__URL: /no/such/file can't be read",
            77,
        ),
        ("rediss://127.0.0.1:{tls}?ssl_ca_certs={junk}", "holds no certificate in PEM", 77),
        ("rediss://127.0.0.1:{tls}?ssl_certfile={junk}", "are no certificate and its key", 77),
        ("rediss://127.0.0.1:{plain}?socket_timeout=1&socket_connect_timeout=1", "did not answer to TLS", 69),
        ("rediss://127.0.0.1:{http}", "can't agree on TLS (WRONG_VERSION_NUMBER)", 77),
        ("redis://127.0.0.1:{tls}", "where it speaks TLS, the URL is rediss://", 69),
        ("redis://127.0.0.1:{http}", "answers in another protocol", 77),
        ("redis://127.0.0.1:1", "did not answer (connection refused): start it with `unlearn services up`", 69),
        ("redis://no.such.host.invalid", "did not answer (no such host): is it up", 69),
        ("unix:///no/such/socket", "did not answer (no such socket): is it up", 69),
        ("redis://127.0.0.1:{silent}?socket_timeout=0.3", "did not answer (time-out)", 69),
    ],
)
@pytest.mark.parametrize("command", ["work", "status"])
def test_what_the_network_says_is_told(
    say: Say, tls: int, plain: int, folder: Path, url: str, words: str, code: int, command: str
) -> None:
    (folder / "junk").write_text("this is no certificate")
    silent = socket.create_server(("127.0.0.1", 0))
    with listening(_as_http) as http, silent:
        ports = {"tls": tls, "plain": plain, "http": http, "silent": silent.getsockname()[1]}
        told = say(command, url.format(junk=folder / "junk", **ports))
    assert told[0] == code
    assert words in told[1]
    assert "Traceback" not in told[1]


def test_a_socket_is_a_place_too(say: Say, folder: Path) -> None:
    with redis_server(folder / "socket", "unixsocket redis.sock", "appendonly yes"):
        client = connect(f"unix://{quote(str(folder / 'socket' / 'redis.sock'))}?db=3")
        check_redis(client)
        client.set("here", 1)
        client.close()


# -- refusals that pass


def test_a_redis_in_trouble_is_told_as_what_it_is(folder: Path) -> None:
    with redis_server(folder / "trouble", "maxclients 20") as port:
        url = f"redis://127.0.0.1:{port}"
        boss, client = redis.Redis.from_url(url), connect(url)
        state = PartitionState(client, Keys("m", 0), patience=0.1)
        state.claim(TOKEN, {"applied": 0})
        seen = {}
        boss.config_set("maxmemory", 1)
        seen["memory"] = _why(lambda: state.claim(Token(2, "1" * 32), None))
        boss.config_set("maxmemory", 0)
        boss.config_set("min-replicas-to-write", 3)
        seen["replicas"] = _why(lambda: state.claim(Token(2, "1" * 32), None))
        boss.config_set("min-replicas-to-write", 0)
        (folder / "trouble" / "dump.rdb").mkdir()
        boss.config_set("save", "1 1")
        boss.bgsave()
        until(lambda: boss.info()["rdb_last_bgsave_status"] != "ok", 120, "saving has failed")
        seen["disk"] = _why(lambda: state.claim(Token(2, "1" * 32), None))
        boss.config_set("save", "")
        boss.replicaof("127.0.0.1", "1")
        boss.config_set("replica-serve-stale-data", "no")
        seen["master"] = _why(state.load)
        boss.replicaof("NO", "ONE")
        many = [connect(url) for _ in range(25)]
        seen["room"] = _why(lambda: [read_snapshot(each, [("GET", "x")]) for each in many])
        for each in (*many, boss, client):
            each.close()
    words = {
        "memory": "it is out of memory",
        "replicas": "too few of its replicas",
        "disk": "it can't save to its disk",
        "master": "a replica without its master",
        "room": "raise maxclients",
    }
    assert {what: words[what] in said for what, said in seen.items()} == dict.fromkeys(words, True), seen


def _why(ask: Callable[[], object]) -> str:
    with pytest.raises(StateUnavailable) as told:
        ask()
    assert not isinstance(told.value, StateDenied)
    return str(told.value)


def test_a_worker_waits_out_rights_taken_away(folder: Path, tmp_path: Path) -> None:
    with redis_server(folder / "taken", "appendonly yes") as port:
        boss = redis.Redis.from_url(f"redis://127.0.0.1:{port}")
        boss.execute_command("ACL", "SETUSER", "worker", "on", ">hunter2", "~*", "+@all")  # type: ignore[no-untyped-call]
        harness = WorkerHarness(f"redis://worker:hunter2@127.0.0.1:{port}", tmp_path)
        try:
            harness.apply()
            boss.execute_command("ACL", "SETUSER", "worker", "-@all")  # type: ignore[no-untyped-call]
            harness.insert("r")
            harness.turn_until(lambda: not harness.worker.owned)
            assert harness.worker.stopped == {}
            boss.execute_command("ACL", "SETUSER", "worker", "+@all")  # type: ignore[no-untyped-call]
            harness.apply()
            assert harness.status().records == 1
        finally:
            harness.close()
            boss.close()
