"""What a model's identity depends on."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.settings import SECRET
from unlearn.errors import IdentityChanged
from unlearn.identity import as_made, as_published, check_identity, identity_hash, identity_of, kept_identity
from unlearn.learners import learner_of
from unlearn.mapping.mapping import EARLIER
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import EARLIER_READING
from unlearn.scoring.published_model import differences, of_settings
from unlearn.settings import Settings
from unlearn.verification.subject import subject_of


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
        check_identity(_identity(state_layout=6), _identity(), "mail.events")


def _made(**changed: object) -> str:
    settings = Settings.model_validate({"model": "m", "secret": SECRET, **changed})
    return identity_of(settings, learner_of(settings))


def test_a_model_of_before_mappings_has_the_identity_that_it_had() -> None:
    earlier = json.loads(_made(mapping="earlier"))
    assert "reading" not in earlier
    assert json.loads(_made()) == {**earlier, "reading": {"mapping": {"lifts_checked": True}, "tombstones": "refuse"}}


def test_it_goes_on_as_it_was_unless_the_settings_say_how_messages_are_read() -> None:
    kept = [kept_identity(_made(mapping="earlier"))]
    settings = _settings()
    assert as_made(settings, kept).reading == EARLIER_READING
    assert as_made(settings, [kept_identity(_made())]) is settings
    assert as_made(settings, []) is settings
    hashes = {identity_hash(_made(mapping="earlier"))}
    assert as_published(settings, learner_of(settings), hashes).reading == EARLIER_READING
    assert as_published(settings, learner_of(settings), {identity_hash(_made())}) is settings
    for said in ({"mapping": "plain"}, {"tombstones": "refuse"}, {"mapping": "debezium"}):
        told = Settings.model_validate({"model": "m", "secret": SECRET, **said})
        assert as_made(told, kept) is told
    ignoring = Settings(model="m", secret=SECRET, tombstones="ignore")
    assert as_made(ignoring, kept).reading == EARLIER_READING


@pytest.mark.parametrize("tombstones", ["refuse", "ignore"])
@pytest.mark.parametrize("text", ['preset = "earlier"\n', "frames = false\n"])
def test_a_file_makes_no_model_with_the_identity_of_one_that_takes_no_lifts(
    text: str, tombstones: str, tmp_path: Path
) -> None:
    (path := tmp_path / "own.toml").write_text(text)
    of_file = Settings.model_validate({"model": "m", "secret": SECRET, "mapping": str(path), "tombstones": tombstones})

    assert of_file.reading.lifts
    assert identity_of(of_file, learner_of(of_file)) != _made(mapping="earlier", tombstones=tombstones)


FILES = {
    "own.toml": 'type = "value/kind"\n[words]\ndelete = "gone"\n[delete]\nsubject_id = "value/who"\n',
    "from_debezium.toml": 'preset = "debezium"\n[insert]\nsubject_id = "row/author"\n',
    "from_opendsr.toml": 'preset = "opendsr"\nnumeric_ids = true\n',
}


@pytest.mark.parametrize("name", [None, *sorted(PRESETS.keys() - {"earlier"}), *FILES])
def test_a_model_goes_on_with_what_its_mapping_meant_when_it_was_made(name: str | None, tmp_path: Path) -> None:
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    said = {"mapping": str(tmp_path / name) if name in FILES else name} if name is not None else {}
    settings = Settings.model_validate({"model": "m", "secret": SECRET, **said})
    (before,) = settings.reading.mapping.before
    made = settings.model_copy(update={"mapping": before})
    identity = identity_of(made, learner := learner_of(settings))

    assert identity != identity_of(settings, learner)
    for found in (
        as_made(settings, [kept_identity(identity)]),
        as_published(settings, learner, {identity_hash(identity)}),
    ):
        assert found.reading == made.reading
        assert not found.reading.checks_lifts
        check_identity(identity, identity_of(found, learner), "mail.events")
    assert as_made(settings, [kept_identity(identity_of(settings, learner))]) is settings
    assert identity_hash(identity) in of_settings(settings).identities
    published = replace(of_settings(settings), made=json.loads(identity))
    assert differences(published, settings, ["mapping"]) == []
    other = settings.model_copy(update={"mapping": EARLIER})
    assert differences(published, other, ["mapping"]) == ["mapping"]
    subject = subject_of(settings)
    assert subject.published_as(identity_hash(identity)).model.reading == made.reading
    assert subject.published_as(subject.identity) is subject


SAID_BEFORE = {
    "plain": "44136fa355b3678a",
    "cloudevents": "b81eff26c2026c63",
    "debezium": "b618e8211cf7225f",
    "opendsr": "780491dad53084eb",
    "segment": "b02ed2bac99f79d2",
}


def test_presets_said_before_what_models_were_made_with() -> None:
    """The digests of what identities of earlier releases bear: models made by them would be refused otherwise."""
    said = {
        name: hashlib.sha256(json.dumps(before.told(), sort_keys=True).encode()).hexdigest()[:16]
        for name, mapping in PRESETS.items()
        for before in mapping.before
    }
    assert said == SAID_BEFORE


def test_a_mapping_counts_by_what_it_says(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text('preset = "debezium"\n')
    other.write_text('# the same\npreset = "debezium"\nnumeric_ids = true\n')
    assert _made(mapping=str(one)) == _made(mapping=str(other)) == _made(mapping="debezium")
    other.write_text('preset = "debezium"\nnumeric_ids = false\n')
    assert _made(mapping=str(other)) != _made(mapping="debezium")


@pytest.mark.parametrize(
    ("stored", "ours", "said"),
    [
        (_made(mapping="debezium"), _made(), "UNLEARN_TOMBSTONES=refuse, and UNLEARN_MAPPING to a TOML file"),
        (_made(tombstones="ignore"), _made(), "UNLEARN_TOMBSTONES=ignore"),
        (_made(mapping="earlier"), _made(mapping="plain"), "UNLEARN_MAPPING=earlier"),
    ],
)
def test_another_reading_is_refused_with_what_to_do(stored: str, ours: str, said: str) -> None:
    with pytest.raises(IdentityChanged) as error:
        check_identity(stored, ours, "mail.events")
    assert said in str(error.value)
    assert "UNLEARN_TOPICS__EVENTS=mail.events" in str(error.value)


def test_a_preset_that_has_changed_is_refused_with_what_it_said() -> None:
    stored = json.loads(_made(mapping="debezium"))
    stored["reading"]["mapping"]["numeric_ids"] = False
    with pytest.raises(IdentityChanged, match=r'the preset has in this release.*"numeric_ids": false'):
        check_identity(json.dumps(stored), _made(mapping="debezium"), "mail.events")
