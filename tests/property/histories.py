"""What happens to a world, drawn by hypothesis: settings, logs of many records, and the order of things."""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st

from tests.property.strategies import scripts
from unlearn.simulate.history import Action, Shape, history_of
from unlearn.simulate.script import Script, busy_script


def shapes() -> st.SearchStrategy[Shape]:
    return st.builds(
        Shape,
        slice_span=st.integers(2, 9) | st.just(25),
        shards=st.integers(1, 2),
        checkpoints=st.integers(1, 4),
        withdraw=st.sampled_from(("auto", "always", "never")),
        window=st.sampled_from((0.0, 0.5)),
        publish_every=st.sampled_from((0.0, 0.2)),
        workers=st.integers(1, 2),
        erase_after=st.sampled_from((0.0, 3.0, 1e9)),
        tail_every=st.sampled_from((0.5, 5.0, 60.0)),
        garbage_grace=st.sampled_from((2.0, 100.0)),
    )


def long_scripts() -> st.SearchStrategy[Script]:
    """Several scripts of one kind, one behind the other."""

    def joined(parts: list[Script]) -> Script:
        count = max(part.topic_partitions for part in parts)
        return Script(parts[0].partitions, count, parts[0].subjects, sum((p.messages for p in parts), ()))

    kinds = [scripts(), scripts(partitions=1), scripts(subjects=False)]
    return st.one_of([st.lists(kind, min_size=2, max_size=5).map(joined) for kind in kinds])


def busy_scripts() -> st.SearchStrategy[Script]:
    """Drawn by a seed: denser than what hypothesis would draw, at the price of not shrinking."""
    return seeds().map(busy_script)


def seeds() -> st.SearchStrategy[int]:
    """Of a generator, not of hypothesis' own choices, which come back to the same few numbers."""
    return st.randoms(use_true_random=True).map(lambda chance: chance.getrandbits(63))


def histories() -> st.SearchStrategy[list[Action]]:
    """Drawn by a seed, for the same reason."""
    return seeds().map(history_of)


def lifting_scripts(*, aliases: bool = False) -> st.SearchStrategy[Script]:
    """Busy scripts in which something that was deleted is let in again; `aliases`: and inserts bear them."""

    def fits(script: Script) -> bool:
        return _holds(script, b'"lift"', b'"so_far"') and (not aliases or _holds(script, b'"aliases"'))

    return seeds().map(lambda seed: next(filter(fits, map(busy_script, count(seed)))))


def _holds(script: Script, *words: bytes) -> bool:
    return any(word in (message.value or b"") for message in script.messages for word in words)
