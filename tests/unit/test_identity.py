"""What a model's identity depends on."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tests.harness.settings import SECRET
from unlearn.errors import IdentityChanged
from unlearn.identity import check_identity, identity_of, kept_identity
from unlearn.learners import learner_of
from unlearn.settings import Settings


def _settings(model: str = "m") -> Settings:
    return Settings(model=model, secret=SECRET)


def _identity(model: str = "m", **changed: object) -> str:
    settings = _settings(model)
    parts = json.loads(identity_of(settings, learner_of(settings))) | changed
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize("version", ["14.0.0", "15.0.0", "15.1.0", "16.0.0"])
def test_a_model_has_one_identity_under_every_python(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(unicodedata, "unidata_version", version)
    assert json.loads(_identity())["unicode"] == "14.0.0"


def test_a_model_made_with_a_later_pythons_letters_is_told_what_to_do() -> None:
    with pytest.raises(IdentityChanged) as error:
        check_identity(_identity(unicode="15.0.0"), _identity(), "mail.events")
    for said in ("Unicode 15.0.0", "Unicode 14.0.0", "that release and Python", "UNLEARN_TOPICS__EVENTS"):
        assert said in str(error.value)


def test_other_differences_are_named_beside_the_letters() -> None:
    with pytest.raises(IdentityChanged, match="partitions, unicode changed"):
        check_identity(_identity(unicode="15.0.0", partitions=99), _identity(), "mail.events")


def test_what_redis_keeps_is_of_its_identity_and_no_earlier_release_takes_it() -> None:
    ours = _identity()
    check_identity(kept_identity(ours), ours, "mail.events")
    check_identity(ours, ours, "mail.events")
    assert kept_identity(ours) != ours
    with pytest.raises(IdentityChanged, match="partitions changed"):
        check_identity(kept_identity(_identity(partitions=99)), ours, "mail.events")


def test_the_state_of_an_earlier_release_is_taken() -> None:
    check_identity(_identity(state_layout=2), _identity(), "mail.events")


def test_the_state_of_a_newer_release_is_left_alone() -> None:
    with pytest.raises(IdentityChanged, match="newer release"):
        check_identity(_identity(state_layout=4), _identity(), "mail.events")
