"""One suite that every learner must pass: `check_learner(learner, rows)`.

Each check takes a learner and ten or more rows that it accepts, and raises AssertionError with what it found.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.encoding import decode_state, digest, encode_state
from unlearn_models.base.errors import BadRows, BadState, CannotForget, NotLearned, RowsNeeded
from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows

_COLUMNS = ("labels", "indptr", "indices", "values")


def check_learner(learner: Learner, rows: Rows) -> None:
    """Run every check with these rows: ten or more that the learner accepts, most of them labelled.

    Raises AssertionError.
    """
    assert len(rows) >= 10, "the checks need at least ten rows"
    for check in _CHECKS:
        check(learner, rows)


def check_accepts(learner: Learner, rows: Rows) -> None:
    """Good rows are accepted; malformed rows are not, and `learn` refuses them with BadRows."""
    assert learner.accepts(rows).all(), "the rows of the checks are not accepted"
    for bad in _bad_rows(learner):
        assert learner.accepts(bad).tolist() == [False], "a bad row is accepted"
        _raises(BadRows, learner.learn, learner.empty(), bad)


def check_empty(learner: Learner, rows: Rows) -> None:
    """Empty states are equal, learning no rows changes nothing, and learning rows changes something."""
    state = _learn(learner, rows)
    assert _same(learner, learner.empty(), learner.empty()), "empty states differ"
    assert _same(learner, learner.learn(state, Rows.empty()), state), "learning nothing changes a state"
    assert not _same(learner, state, learner.empty()), "learning changes nothing"


def check_purity(learner: Learner, rows: Rows) -> None:
    """`learn`, `forget` and scoring change no argument, and the same call gives the same state."""
    first, second = _halves(rows)
    state = _learn(learner, first)
    before = encode_state(learner, state), _bytes(second)
    learned = learner.learn(state, second)
    assert (encode_state(learner, state), _bytes(second)) == before, "learning changes an argument"
    learner.ensemble([state, learned]).scores(second)
    assert (encode_state(learner, state), _bytes(second)) == before, "scoring changes an argument"
    if learner.forgets:
        after = encode_state(learner, learned)
        learner.forget(learned, second)
        assert (encode_state(learner, learned), _bytes(second)) == (after, before[1]), "forgetting changes an argument"
    assert _same(learner, learner.learn(state, second), learned), "learning twice differs"


def check_calls(learner: Learner, rows: Rows) -> None:
    """The state does not depend on how the rows are divided among calls of `learn`."""
    whole = _learn(learner, rows)
    for size in (1, 3, len(rows) - 1):
        state = learner.empty()
        for start in range(0, len(rows), size):
            state = learner.learn(state, rows.take(np.arange(start, min(start + size, len(rows)))))
        assert _same(learner, state, whole), f"rows learned by {size} give another state than in one call"


def check_unlabelled(learner: Learner, rows: Rows) -> None:
    """Rows without a label leave the state as it is, unless the learner learns from unlabelled rows."""
    if learner.learns_unlabelled:
        return
    nameless = Rows(np.full(len(rows), -1, np.int32), rows.indptr, rows.indices, rows.values)
    state = _learn(learner, rows)
    assert _same(learner, learner.learn(state, nameless), state), "unlabelled rows are learned"
    mixed = Rows.concat([nameless, rows, nameless])
    assert _same(learner, _learn(learner, mixed), state), "unlabelled rows change what others teach"


def check_canonical(learner: Learner, rows: Rows) -> None:
    """Arrays are C-contiguous with a canonical dtype; a state that lacks one of them is refused with BadState."""
    state = _learn(learner, rows)
    learner.check(state)
    for name, array in state.items():
        assert array.flags.c_contiguous, f"{name} is not in C order"
        assert array.dtype.str in {"<i4", "<i8", "<f8", "|u1"}, f"{name} has no canonical dtype"
        less = {key: value for key, value in state.items() if key != name}
        _raises(BadState, encode_state, learner, less)


def check_bytes(learner: Learner, rows: Rows) -> None:
    """A state survives encoding and decoding with equal bytes and scores.

    A decoded state learns as the original does, or raises RowsNeeded if the learner does not resume.  Bytes that are
    cut short or too long raise BadState.
    """
    first, second = _halves(rows)
    state = _learn(learner, first)
    data = encode_state(learner, state)
    back = decode_state(learner, data)
    assert encode_state(learner, back) == data, "decoding and encoding gives other bytes"
    if learner.resumes:
        more = learner.learn(back, second)
        assert _same(learner, more, learner.learn(state, second)), "a decoded state learns otherwise"
    else:
        _raises(RowsNeeded, learner.learn, back, second)
    same = learner.ensemble([back]).scores(rows).tobytes() == learner.ensemble([state]).scores(rows).tobytes()
    assert same, "a decoded state scores otherwise"
    _raises(BadState, decode_state, learner, data[:-1])
    _raises(BadState, decode_state, learner, data + b"\0")


def check_pickle(learner: Learner, rows: Rows) -> None:
    """A pickled and restored learner learns the same state."""
    twin: Learner = pickle.loads(pickle.dumps(learner))  # noqa: S301  our own bytes
    same = digest(twin, _learn(twin, rows)) == digest(learner, _learn(learner, rows))
    assert same, "a pickled learner differs"


def check_forget(learner: Learner, rows: Rows) -> None:
    """Forgetting rows, in any order, gives the state of the rows left.

    NotLearned is raised for rows that were not learned, CannotForget by a learner that does not forget.
    """
    state = _learn(learner, rows)
    if not learner.forgets:
        _raises(CannotForget, learner.forget, state, rows)
        return
    for gone in (np.arange(len(rows)) % 3 == 0, np.arange(len(rows)) >= 1, np.ones(len(rows), np.bool_)):
        left, backwards = _learn(learner, rows.take(~gone)), rows.take(np.flatnonzero(gone)[::-1])
        assert _same(learner, learner.forget(state, backwards), left), "a forgotten row leaves a trace"
    _raises(NotLearned, learner.forget, learner.empty(), rows)
    _raises(NotLearned, learner.forget, state, Rows.concat([rows, rows]))


def check_scores(learner: Learner, rows: Rows) -> None:
    """Scores (n, classes) are probabilities: not negative, and each row sums to 1 within 1e-12."""
    first, second = _halves(rows)
    shards = [_learn(learner, first), _learn(learner, second)]
    for states in ([], [learner.empty()], shards[:1], shards):
        scores = learner.ensemble(states).scores(rows)
        assert scores.shape == (len(rows), len(learner.classes)), "scores are not (rows, classes)"
        assert (scores >= 0).all(), "a probability is negative"
        assert np.allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-12), "probabilities do not sum to 1"
    assert learner.ensemble(shards).scores(Rows.empty()).shape == (0, len(learner.classes))


def check_nothing_learned(learner: Learner, rows: Rows) -> None:
    """Without learned rows scores are exactly uniform; a shard without rows does not change an ensemble's scores."""
    even, state = 1.0 / len(learner.classes), _learn(learner, rows)
    for states in ([], [learner.empty()] * 2):
        assert (learner.ensemble(states).scores(rows) == even).all(), "a model of nothing is not uniform"
    alone, among = (learner.ensemble(s).scores(rows) for s in ([state], [learner.empty(), state]))
    assert alone.tobytes() == among.tobytes(), "a shard without rows takes part"


_CHECKS: tuple[Callable[[Learner, Rows], None], ...] = (
    check_accepts,
    check_empty,
    check_purity,
    check_calls,
    check_unlabelled,
    check_canonical,
    check_bytes,
    check_pickle,
    check_forget,
    check_scores,
    check_nothing_learned,
)


def _learn(learner: Learner, rows: Rows) -> State:
    return learner.learn(learner.empty(), rows)


def _same(learner: Learner, one: State, other: State) -> bool:
    return encode_state(learner, one) == encode_state(learner, other)


def _halves(rows: Rows) -> tuple[Rows, Rows]:
    middle = len(rows) // 2
    return rows.take(np.arange(middle)), rows.take(np.arange(middle, len(rows)))


def _bytes(rows: Rows) -> list[bytes]:
    return [getattr(rows, name).tobytes() for name in _COLUMNS]


def _bad_rows(learner: Learner) -> list[Rows]:
    last = learner.n_features - 1
    return [
        _row(len(learner.classes), [last], [1.0]),
        _row(-2, [last], [1.0]),
        _row(0, [last + 1], [1.0]),
        _row(0, [-1], [1.0]),
        _row(0, [last, last], [1.0, 1.0]),
        _row(0, [last, 0], [1.0, 1.0]),
        *(_row(0, [last], [value]) for value in (np.nan, np.inf, -np.inf, 0.0, -0.0)),
    ]


def _row(label: int, indices: list[int], values: list[float]) -> Rows:
    ends: NDArray[np.int64] = np.array([0, len(indices)], np.int64)
    return Rows(np.array([label], np.int32), ends, np.array(indices, np.int32), np.array(values, np.float64))


def _raises(error: type[Exception], call: Callable[..., object], *arguments: object) -> None:
    try:
        call(*arguments)
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")
