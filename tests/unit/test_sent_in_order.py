"""What is sent on stays in order around a lift."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unlearn.forwarding.dues import ACCEPTED, COPIES, DEAD, HOME, IN_ORDER, in_order

WORDS = st.sampled_from(
    [[HOME], [COPIES], [ACCEPTED], [ACCEPTED, COPIES], [DEAD, "why"], [HOME, IN_ORDER], [ACCEPTED, COPIES, IN_ORDER]]
)
OUTBOXES = st.dictionaries(st.integers(0, 50), WORDS, max_size=20).map(lambda found: dict(sorted(found.items())))


def moves(due: list[str]) -> bool:
    return HOME in due or COPIES in due


@given(OUTBOXES)
def test_nothing_overtakes_a_lift_and_it_overtakes_nothing(outbox: dict[int, list[str]]) -> None:
    sent = in_order(outbox)
    for lift in (offset for offset, due in outbox.items() if IN_ORDER in due):
        moving = [offset for offset, due in outbox.items() if moves(due)]
        if lift in sent:
            assert not [offset for offset in moving if offset < lift]
        assert not [offset for offset in moving if offset > lift and offset in sent]


@given(OUTBOXES)
def test_something_can_always_be_sent(outbox: dict[int, list[str]]) -> None:
    sent = in_order(outbox)
    assert bool(sent) == bool(outbox)
    assert sent == sorted(sent)
    assert set(sent) >= {offset for offset, due in outbox.items() if not moves(due)}


@given(OUTBOXES.filter(lambda found: all(IN_ORDER not in due for due in found.values())))
def test_without_lifts_all_goes_at_once(outbox: dict[int, list[str]]) -> None:
    assert in_order(outbox) == list(outbox)
