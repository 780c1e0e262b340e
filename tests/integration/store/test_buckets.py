"""What is a bucket's alone: pages, races, rights, versions, the server's clock; on a real S3 server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import run
from tests.harness.s3_requests import Login
from tests.harness.settings import new_name
from tests.harness.worker_harness import WorkerHarness
from tests.object_server import Bucket, ObjectServer, built_server
from unlearn.environment.clock import Clock
from unlearn.errors import ArtefactMissing, StoreDenied, StoreMissing, StoreUnavailable, StoreUnsupported
from unlearn.services.address import free_port
from unlearn.storage.artefacts import open_store
from unlearn.storage.buckets.store import BucketStore, open_bucket

NAME = "3/1/state/5-7-abc"
PAGE = 1000
"""Names in one answer of a listing."""


@pytest.fixture
def bucket(s3: ObjectServer) -> Bucket:
    return s3.make_bucket(new_name())


@pytest.fixture
def store(s3: ObjectServer, bucket: Bucket) -> BucketStore:
    return open_bucket(s3.settings(bucket.name), "model")


@pytest.fixture
def user(s3: ObjectServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Login:
    """Somebody who may do nothing yet; this process logs in as them."""
    login = Login(new_name(), "a key of theirs")
    s3.add_user(login)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", login.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", login.secret_key)
    return login


def allow(s3: ObjectServer, bucket: Bucket, user: Login, *actions: str, but: tuple[str, str] | None = None) -> None:
    """Let the user take these actions; `but`: one that is forbidden of one name."""
    where = [f"arn:aws:s3:::{bucket.name}", f"arn:aws:s3:::{bucket.name}/*"]
    rights = [("Allow", action, where[action != "ListBucket"]) for action in actions]
    if but is not None:
        rights.append(("Deny", but[0], f"{where[0]}/{but[1]}"))
    statements = [
        {"Effect": effect, "Principal": {"AWS": user.access_key}, "Action": f"s3:{action}", "Resource": resource}
        for effect, action, resource in rights
    ]
    s3.set_policy(bucket.name, json.dumps({"Version": "2012-10-17", "Statement": statements}))


def test_a_listing_of_several_pages_is_whole(store: BucketStore, bucket: Bucket) -> None:
    names = sorted(f"0/0/slice/{n}" for n in range(2 * PAGE + 3))
    folder = bucket.folder / "model" / "0" / "0" / "slice"
    folder.mkdir(parents=True)
    for name in names:
        (bucket.folder / "model" / name).write_bytes(b"")

    assert [name for name, *_ in store.names("0")] == names


def test_of_several_that_write_one_name_one_has_written_it(s3: ObjectServer, bucket: Bucket) -> None:
    def write(number: int) -> bytes | None:
        data = b"by %d" % number
        try:
            open_store(s3.settings(bucket.name), "model").put(NAME, data)
        except StoreUnavailable:
            return None
        return data

    with ThreadPoolExecutor(8) as threads:
        (written,) = filter(None, threads.map(write, range(8)))

    assert open_store(s3.settings(bucket.name), "model").get(NAME) == written


def test_models_that_share_a_bucket_never_see_each_others_files(s3: ObjectServer, bucket: Bucket) -> None:
    mine, longer = (open_store(s3.settings(bucket.name, "p"), model) for model in ("m", "mm"))
    mine.put(NAME, b"mine")
    longer.put(NAME, b"theirs")

    assert mine.get(NAME) == b"mine"
    assert [name for name, *_ in mine.names("")] == [NAME]


# Ages


def test_ages_are_by_the_servers_clock(s3: ObjectServer, bucket: Bucket) -> None:
    now = [0.0]
    store = open_bucket(s3.settings(bucket.name), "model", Clock(monotonic=lambda: now[0], wall=lambda: 0.0))
    store.put(NAME, b"x")
    os.utime(bucket.folder / "model" / NAME, (10**9, 10**9))
    (before,) = (one.age for one in store.names(""))

    now[0] = 50.0
    assert [one.age for one in store.names("")] == [pytest.approx(before + 50.0, abs=1e-3)]
    now[0] = 10_000.0
    assert [one.age < before + 5_000.0 for one in store.names("")] == [True], "the server was asked anew"


def test_what_an_interrupted_check_left_behind_is_erased(store: BucketStore, bucket: Bucket) -> None:
    for name in ("probe/old", "probe/of another's now"):
        store.put(name, b"x")
    os.utime(bucket.folder / "model" / "probe" / "old", (0, 0))

    store.check()

    assert [name for name, *_ in store.names("")] == ["probe/of another's now"]


def test_a_listing_forgets_what_others_erased(s3: ObjectServer, bucket: Bucket) -> None:
    store = open_bucket(s3.settings(bucket.name, cache_bytes=100), "model")
    store.put(NAME, b"x")
    assert store._cache.get(NAME) is not None
    open_store(s3.settings(bucket.name), "model").delete(NAME)

    list(store.names("3/"))

    assert store._cache.get(NAME) is None


# What is refused


def test_a_bucket_that_becomes_versioned_is_refused(s3: ObjectServer, store: BucketStore, bucket: Bucket) -> None:
    store.check()
    s3.set_versioning(bucket.name, "Enabled")

    for call in (store.check, lambda: store.put(NAME, b"x")):
        with pytest.raises(StoreUnsupported, match="keeps what was erased") as error:
            call()
        assert error.value.exit_code == 65


def test_a_bucket_that_is_not_there_is_told(s3: ObjectServer) -> None:
    store = open_store(s3.settings("nowhere-to-be-found"), "model")

    calls = (store.check, store.marker, lambda: store.get(NAME), lambda: store.names(""), lambda: store.delete(NAME))
    for call in calls:
        with pytest.raises(StoreMissing, match="make it") as error:
            call()
        assert error.value.exit_code == 66


@pytest.mark.parametrize(
    ("key", "secret", "says"),
    [("tests", "another key", "SignatureDoesNotMatch"), ("nobody", "another key", "InvalidAccessKeyId")],
)
def test_a_wrong_login_is_told(
    s3: ObjectServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, key: str, secret: str, says: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)

    with pytest.raises(StoreDenied, match=f"refuses the login.*{says}") as error:
        open_store(s3.settings(bucket.name), "model").check()

    assert error.value.exit_code == 77
    assert secret not in str(error.value)


def test_another_region_is_told(s3: ObjectServer, bucket: Bucket) -> None:
    with pytest.raises(StoreDenied, match=r"another region.*us-east-1") as error:
        open_store(s3.settings(bucket.name, region="eu-west-1"), "model").check()

    assert error.value.exit_code == 77


def test_an_address_where_nothing_listens_is_told(s3: ObjectServer, bucket: Bucket) -> None:
    with pytest.raises(StoreUnavailable, match="Connection refused") as error:
        open_store(s3.settings(bucket.name, endpoint="http://127.0.0.1:1"), "model").check()

    assert error.value.exit_code == 69


@pytest.fixture
def server_with_tls(s3: ObjectServer, tmp_path: Path) -> Iterator[ObjectServer]:
    """Its certificate is by an authority that nobody knows: authority.pem in the folder."""
    new = "openssl req -x509 -newkey rsa:2048 -nodes -days 2"
    of_server = "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    for options in (
        "-keyout authority.key -out authority.pem -subj /CN=nobody",
        f"-keyout key.pem -out cert.pem -subj /CN=server -CA authority.pem -CAkey authority.key {of_server}",
    ):
        subprocess.run(f"{new} {options}".split(), cwd=tmp_path, check=True, capture_output=True)
    server = ObjectServer(built_server(), tmp_path / "s3", free_port(), tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_server_of_an_authority_of_ones_own_is_believed_by_its_file(
    server_with_tls: ObjectServer, tmp_path: Path
) -> None:
    bucket = server_with_tls.make_bucket(new_name())

    with pytest.raises(StoreDenied, match=r"isn't trusted \(UnknownIssuer\): set UNLEARN_STORE__SSL_CAFILE"):
        open_store(server_with_tls.settings(bucket.name), "model").check()

    trusting = open_store(server_with_tls.settings(bucket.name, ssl_cafile=tmp_path / "authority.pem"), "model")
    trusting.check()
    trusting.put(NAME, b"bytes")
    assert (bucket.folder / "model" / NAME).read_bytes() == b"bytes"


def test_a_server_without_tls_is_told(s3: ObjectServer, bucket: Bucket) -> None:
    with pytest.raises(StoreDenied, match="doesn't speak TLS"):
        open_store(s3.settings(bucket.name, endpoint=s3.endpoint.replace("http", "https")), "model").check()


@pytest.mark.parametrize(
    ("rights", "says"),
    [
        ((), "write"),
        (("PutObject", "GetObject", "ListBucket"), "delete"),
        (("PutObject", "GetObject", "DeleteObject"), "list its files"),
        (("PutObject", "DeleteObject", "ListBucket"), "read probe/"),
    ],
    ids=["none", "no delete", "no list", "no read"],
)
def test_a_right_that_lacks_is_told(
    s3: ObjectServer, bucket: Bucket, user: Login, rights: tuple[str, ...], says: str
) -> None:
    if rights:
        allow(s3, bucket, user, *rights)

    with pytest.raises(StoreDenied, match=f"doesn't let this login {says}") as error:
        open_store(s3.settings(bucket.name), "model").check()

    assert error.value.exit_code == 77


def test_these_rights_are_enough(s3: ObjectServer, bucket: Bucket, user: Login) -> None:
    allow(s3, bucket, user, "PutObject", "GetObject", "DeleteObject", "ListBucket")
    store = open_store(s3.settings(bucket.name), "model")

    store.check()
    store.put(NAME, b"x")


def test_a_file_that_may_not_be_deleted_holds_up_no_other(s3: ObjectServer, bucket: Bucket, user: Login) -> None:
    names, rights = [f"{NAME}{number}" for number in range(3)], ("PutObject", "GetObject", "DeleteObject", "ListBucket")
    allow(s3, bucket, user, *rights, but=("DeleteObject", f"model/{names[0]}"))
    store = open_store(s3.settings(bucket.name), "model")
    for name in names:
        store.put(name, b"x")

    with pytest.raises(StoreDenied, match="doesn't let this login delete"):
        store.delete(*names)

    assert [name for name, *_ in store.names("")] == names[:1]


def test_a_reader_needs_no_more_than_to_read_and_list(s3: ObjectServer, bucket: Bucket, user: Login) -> None:
    allow(s3, bucket, user, "GetObject", "ListBucket")
    (bucket.folder / "model" / NAME).parent.mkdir(parents=True)
    (bucket.folder / "model" / NAME).write_bytes(b"x")
    reader = open_store(s3.settings(bucket.name), "model")

    assert reader.marker() is None
    assert reader.get(NAME) == b"x"
    with pytest.raises(ArtefactMissing):
        reader.get("3/1/state/other")
    with pytest.raises(StoreDenied):
        reader.put("3/1/state/other", b"")


def test_a_model_moves_from_a_folder_to_a_bucket(
    s3: ObjectServer, bucket: Bucket, redis_url: str, tmp_path: Path
) -> None:
    harness = WorkerHarness(redis_url, tmp_path)
    harness.tweets(100)
    harness.rest()
    harness.worker.close()
    shutil.copytree(tmp_path / "store", bucket.folder, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "store")

    harness.settings = harness.settings.model_copy(update={"store": s3.settings(bucket.name)})
    harness.worker = harness.make_worker()
    harness.forget()
    harness.turn_until(lambda: "gone" in harness.event_ids("hidden"))
    harness.rest()

    assert harness.verdict() == "equal"
    assert not (tmp_path / "store").exists()
    harness.close()


def test_a_worker_says_so_and_does_not_start(
    s3: ObjectServer, bucket: Bucket, user: Login, make_settings: MakeSettings
) -> None:
    allow(s3, bucket, user, "PutObject", "GetObject", "ListBucket")
    settings = make_settings(store=s3.settings(bucket.name))
    assert run(settings, "topics", "create").returncode == 0

    denied = run(settings, "work", "--drain")
    missing = run(settings, "work", "--drain", UNLEARN_STORE__URL="s3://nowhere-to-be-found")
    allow(s3, bucket, user, "PutObject", "GetObject", "ListBucket", "DeleteObject")
    s3.set_versioning(bucket.name, "Enabled")
    versioned = run(settings, "work", "--drain")

    assert (denied.returncode, missing.returncode, versioned.returncode) == (77, 66, 65)
    assert "doesn't let this login delete" in denied.stderr
    assert "keeps what was erased" in versioned.stderr
    assert user.secret_key not in denied.stderr + versioned.stderr
