"""Which slice files in the store are later than those in use, and when the latter may take their place."""

from __future__ import annotations

import pytest

from unlearn.maintenance.later_files import made_later, may_be_renamed
from unlearn.partition.tables import Change, Cleanup, Slice, Tables
from unlearn.storage.artefacts import Artefact, artefact_name


def view_of(file: str | None, cleanup: Cleanup | None = None) -> Tables:
    change, view = Change(), Tables({})
    change.put("slices", (0, 10), Slice(live=8, rows=8, file=file))
    if cleanup is not None:
        change.put("cleanups", "ab" * 16, cleanup)
    view.apply(change, 40)
    return view


def named(applied: int, digest: str = "0") -> str:
    return artefact_name(Artefact(0, 0, "slice", 10, applied), "1-ab-1", digest.encode())


@pytest.mark.parametrize(("file", "found"), [(named(7), {(0, 10): 9}), (named(9), {}), (named(12), {}), ("", {})])
def test_a_later_file_is_found(file: str, found: dict[tuple[int, int], int]) -> None:
    newest = {(0, 10): Artefact(0, 0, "slice", 10, 9), (1, 10): Artefact(0, 1, "slice", 10, 9)}

    assert made_later(view_of(file), newest) == found


@pytest.mark.parametrize(
    ("file", "published", "death", "may"),
    [
        (named(7), 9, None, True),
        (named(7), 8, None, False),
        (named(7), 9, 9, True),
        (named(7), 9, 8, False),
        (named(9), 9, None, False),
        ("", 9, None, False),
        (None, 9, None, False),
    ],
    ids=["published", "not published", "later clean-up", "earlier clean-up", "as late", "no row is left", "not filed"],
)
def test_the_one_in_use_is_renamed_once_all_that_died_before_is_known(
    file: str | None, published: int, death: int | None, may: bool
) -> None:
    view = view_of(file, None if death is None else Cleanup(death, 0, 0))

    assert may_be_renamed(view, 0, 10, published, later=9) is may
