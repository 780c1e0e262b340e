"""What the outbox writes down of a dead letter is read again, of an earlier release too."""

from __future__ import annotations

import pytest

from unlearn.forwarding.dues import DEAD, REFUSED, Letter


@pytest.mark.parametrize(
    "letter",
    [
        Letter("why"),
        Letter("why", answers=True),
        Letter("why", answers=True, at=5, deadline=0),
        Letter("why", last=9, total=3),
    ],
)
def test_a_letter_is_read_as_it_was_written(letter: Letter) -> None:
    assert Letter.of(letter.due()) == letter


def test_an_answer_of_an_earlier_release_has_no_times() -> None:
    assert Letter.of([DEAD, "why", REFUSED]) == Letter("why", answers=True, at=None, deadline=None)


def test_a_letter_without_an_answer_keeps_no_times() -> None:
    assert Letter("why", at=5, deadline=6).due() == [DEAD, "why"]
