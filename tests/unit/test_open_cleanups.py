"""What is asked of the open clean-ups always follows from the table alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unlearn.events.partitioner import tag_of
from unlearn.partition.cleanups.open_cleanups import Cleanup, OpenCleanups

SUBJECTS = [bytes(15) + bytes([at]) for at in range(3)] + [b"t" * 6 + bytes(9) + bytes([at]) for at in range(3)]
STEPS = st.lists(
    st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(["open", "further", "again", "done"])), max_size=30
)


@given(STEPS)
def test_it_answers_as_one_made_from_the_table(steps: list[tuple[bytes, str]]) -> None:
    table: dict[str, Cleanup] = {}
    kept = OpenCleanups()
    for death, (subject, step) in enumerate(steps):
        name, held = subject.hex(), table.get(subject.hex())
        if step == "open" and held is None:
            table[name] = Cleanup(death, subject[-1] % 2, 0)
        elif step == "further" and held is not None:
            table[name] = held._replace(cursor=held.cursor + 1)
        elif step == "again" and held is not None:
            table[name] = held.and_of(death, 0)
        elif step == "done":
            table.pop(name, None)
        kept.put(name, table.get(name))

        assert answers(kept) == answers(OpenCleanups(table.items())) == by_hand(table)


def answers(kept: OpenCleanups) -> tuple[object, ...]:
    shards = [list(kept.of_shard(shard).items()) for shard in range(2)]
    return (
        kept.oldest(),
        shards,
        [kept.deaths(shard) for shard in range(2)],
        [kept.covers(tag_of(s), slot) for s in SUBJECTS for slot in (0, 7, 30)],
    )


def by_hand(table: dict[str, Cleanup]) -> tuple[object, ...]:
    held = {bytes.fromhex(name): cleanup for name, cleanup in table.items()}
    shards = [[(digest, one) for digest, one in held.items() if one.shard == shard] for shard in range(2)]
    return (
        min(held.values(), key=lambda one: one.death, default=None),
        shards,
        [{digest: (one.death, *dict(one.further)) for digest, one in found} for found in shards],
        [
            any(tag_of(digest) == tag_of(subject) and slot < max(one.deaths) for digest, one in held.items())
            for subject in SUBJECTS
            for slot in (0, 7, 30)
        ],
    )
