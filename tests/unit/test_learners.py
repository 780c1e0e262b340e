"""The settings name every learner that there is, and say what one can't take."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from unlearn.errors import SettingsError
from unlearn.events.event import BadInsert, Insert
from unlearn.events.parsing import parser_of
from unlearn.learners import learner_of
from unlearn.settings import LearnerName, Settings
from unlearn_models.registry import LEARNERS


def settings(learner: str, **more: Any) -> Settings:
    values: dict[str, Any] = {"learner": learner, "secret": "a secret of tests, 32 bytes long", "features": 64}
    return Settings(**values | more)


def test_the_names_are_those_of_the_models() -> None:
    assert set(get_args(LearnerName)) == set(LEARNERS)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_each_can_be_made_and_bears_its_name(name: str) -> None:
    assert learner_of(settings(name)).id == name


def test_options_reach_the_learner() -> None:
    assert learner_of(settings("naive-bayes", learner_options={"alpha": 0.5})).settings()["alpha"] == 0.5


@pytest.mark.parametrize(
    ("learner", "more", "says"),
    [
        ("forest", {"features": 2**18}, "1,024"),
        ("forest", {"learner_options": {"preset": "best"}}, "preset"),
        ("linear", {"learner_options": {"depth": 3}}, "depth"),
        ("naive-bayes", {"learner_options": {"alpha": "1"}}, "alpha"),
        ("naive-bayes", {"learner_options": {"alpha": 10**400}}, "alpha"),
        ("linear", {"learner_options": {"lr": 10**400}}, "lr"),
        ("complement-naive-bayes", {"learner_options": {"norm": "false"}}, "norm"),
        ("pu-linear", {"classes": ("a", "b", "c")}, "two classes"),
    ],
)
def test_what_a_learner_cannot_take_is_a_settings_error(learner: str, more: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        learner_of(settings(learner, **more))


def test_nothing_else_of_the_stream_side_makes_a_learner() -> None:
    import unlearn

    sources = Path(unlearn.__file__).parent.rglob("*.py")
    makers = {source.name for source in sources if "make_learner" in source.read_text()}
    assert makers == {"learners.py"}


def test_a_positive_unlabelled_model_refuses_a_known_negative() -> None:
    parser = parser_of(learner_of(settings("pu-linear")))
    event = b'{"type":"insert","event_id":"e","record_id":"r","text":"a word"%s}'

    assert isinstance(parser.parse(event % b',"label":"ham"'), BadInsert)
    assert isinstance(parser.parse(event % b',"label":"spam"'), Insert)
    assert isinstance(parser.parse(event % b""), Insert)
