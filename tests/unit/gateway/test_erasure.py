"""Bodies of requests: what becomes an erasure of whom, and what is refused by name without being quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.gateway import request_of
from unlearn.errors import InputInvalid
from unlearn.gateway.opendsr.erasure import canonical, read_erasure

TYPES = ("controller_customer_id", "email")


def encoded(said: Any) -> bytes:
    return json.dumps(said).encode()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in request_of("r1", "ann").items() if key != name}


def identity(kind: str, form: str, value: Any) -> dict[str, Any]:
    return {"identity_type": kind, "identity_format": form, "identity_value": value}


def test_raw_identities_of_the_types_that_are_subject_ids_name_subjects_each_once() -> None:
    said = request_of("r1", "ann", "ann", "Ann")
    said["subject_identities"] += [
        identity("email", "raw", "ann@example.com"),
        identity("email", "sha256", "ab12"),
        identity("android_id", "raw", "x"),
    ]

    found = read_erasure(encoded(said), TYPES)

    assert found.named.names == (("subject", "ann"), ("subject", "Ann"), ("subject", "ann@example.com"))
    assert found.named.unused == (("email", "sha256"), ("android_id", "raw"))
    assert (found.request_id, found.prefix, found.requested_at) == ("r1", "subject_", "2026-03-01T09:30:00Z")


LISTED = [identity("controller_customer_id", "raw", "ann"), identity("email", "md5", "ab")]
BY_TYPE = {
    "controller_customer_id": {"value": "ann", "encoding": "raw"},
    "email": [{"value": "a@example.com", "encoding": "raw"}, {"value": "ab", "encoding": "md5"}],
}


@pytest.mark.parametrize("identities", [LISTED, BY_TYPE], ids=["listed", "by type"])
@pytest.mark.parametrize("prefix", ["subject_", ""])
def test_identities_are_listed_or_stand_by_their_type_under_either_name(prefix: str, identities: Any) -> None:
    said = {
        f"{prefix}request_id": "r1",
        f"{prefix}request_type": "erasure",
        "submitted_time": "2026-03-01T09:30:00Z",
        "subject_identities": identities,
    }

    found = read_erasure(encoded(said), TYPES)

    assert (found.request_id, found.prefix) == ("r1", prefix)
    assert found.named.names[0] == ("subject", "ann")
    assert found.named.unused == (("email", "md5"),)


def test_names_of_both_kinds_are_refused_as_one_would_be_passed_over() -> None:
    with pytest.raises(InputInvalid, match="subject_request_id or request_id, not both"):
        read_erasure(encoded(request_of("r1", "ann") | {"request_id": "r2"}), TYPES)


def test_a_hash_of_a_type_whose_hashes_are_aliases_names_an_alias() -> None:
    said = without("subject_identities") | {
        "subject_identities": [
            identity("email", "sha256", "ab12"),
            identity("email", "sha256", "ab12"),
            identity("phone", "md5", "cd34"),
            identity("device", "raw", "x"),
        ]
    }

    found = read_erasure(encoded(said), TYPES, ["email", "phone"])

    assert found.named == ((("alias", "sha256:ab12"), ("alias", "md5:cd34")), (("device", "raw"),))
    with pytest.raises(InputInvalid, match="none names anybody here"):
        read_erasure(encoded(said), TYPES)


@pytest.mark.parametrize("form", ["RAW", "Raw", "SHA256", "", "sha256:ab", " sha256"])
def test_what_is_no_name_of_a_hash_makes_no_alias(form: str) -> None:
    said = request_of("r1", "ann")
    said["subject_identities"].append(identity("email", form, "ann@example.com"))

    with pytest.raises(InputInvalid, match="a format of email") as seen:
        read_erasure(encoded(said), TYPES[:1], ["email"])
    assert "ann@" not in str(seen.value)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (without("subject_request_id"), "subject_request_id"),
        (request_of("a/b", "ann"), "subject_request_id"),
        (request_of("..", "ann"), "subject_request_id"),
        (request_of("x" * 129, "ann"), "subject_request_id"),
        (without("submitted_time"), "submitted_time"),
        (request_of("r", "ann", submitted_time="yesterday"), "submitted_time"),
        (request_of("r", "ann", subject_request_type="access"), "access is not supported"),
        (request_of("r", "ann", subject_request_type="portability"), "portability is not supported"),
        (request_of("r", "ann", subject_request_type="erase"), "erasure alone"),
        (without("subject_identities"), "subject_identities"),
        (request_of("r"), "1 to 100"),
        (request_of("r", *map(str, range(101))), "1 to 100"),
        (request_of("r", ""), "1 to 256"),
        (request_of("r", "a" * 257), "1 to 256"),
        (request_of("r", "\ud800"), "1 to 256"),
        (
            request_of("r", "ann", subject_identities=[identity("email", "sha256", "secret-hash")]),
            "none names anybody here",
        ),
        (request_of("r", "ann", subject_identities=[identity("android_id", "raw", "s")]), "none names anybody here"),
        (request_of("r", "ann", subject_identities=[identity("email", "raw", 5)]), "all of them strings"),
        (request_of("r", "ann", subject_identities=["ann"]), "all of them strings"),
        (request_of("r", "ann", subject_identities="ann"), "subject_identities"),
        (request_of("r", "ann", status_callback_url="https://a.example"), "looks like status_callback_urls"),
        (request_of("r", "ann", subjectRequestId="r"), "looks like subject_request_id"),
        (request_of("r", "ann", status_callback_urls="https://a.example"), "a list of at most 8"),
        (request_of("r", "ann", status_callback_urls=["https://a.example"] + [f"https://{n}" for n in range(8)]), "8"),
        (request_of("r", "ann", status_callback_urls=[5]), "each is a string"),
        ([], "no JSON object"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_quoted(said: Any, reason: str) -> None:
    with pytest.raises(InputInvalid, match=reason) as seen:
        read_erasure(encoded(said), TYPES)
    assert "secret-hash" not in str(seen.value)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InputInvalid, match="the body is no JSON object"):
        read_erasure(body, TYPES)


def test_bodies_that_say_the_same_are_the_same() -> None:
    said = request_of("r1", "ann")
    turned = dict(reversed(said.items()))

    assert canonical(encoded(said)) == canonical(json.dumps(turned, indent=2).encode())
    assert canonical(encoded(said)) != canonical(encoded(request_of("r1", "bob")))
