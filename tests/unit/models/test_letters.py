"""What letters are is the table's to say, never the running Python's."""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from importlib.resources import files

import pytest

from tests.unit.models.agreed import agreed
from unlearn_models import hash_texts
from unlearn_models.text import letters, write_letters
from unlearn_models.text.letters import UNICODE

ALL_OF_UNICODE = "50efd7f27dc91fda0980f244a4f2fbd78d67a80445b894f254037435c7eae6b0"
"""SHA-256 of what `probes` gave under Python 3.11, whose own letters models were made with before there was a table."""


class Mute(str):
    """A text that can't be asked what its letters are."""

    __slots__ = ()

    def _asked(self, *_: object) -> bool:
        raise AssertionError("Python was asked about letters")

    lower = casefold = upper = isalnum = isalpha = isdecimal = isdigit = isnumeric = split = _asked  # type: ignore[assignment]


def probes(letter: str) -> tuple[str, str]:
    """Within a word, before and behind one, doubled, alone; around capital sigmas."""
    words = f"ab{letter}cd {letter}ef gh{letter} {letter}{letter} {letter} A{letter}B{letter}"
    return words, f"aΣ{letter} aΣ{letter}b a{letter}Σ {letter}Σ {letter}aΣ. bΣ.{letter} Σ{letter}Σ"


def test_all_of_unicode_gives_the_bytes_that_python_311_gave() -> None:
    found = hashlib.sha256()
    step = 0x8000
    for start in range(0, sys.maxunicode + 1, step):
        texts = [probe for code in range(start, start + step) for probe in probes(chr(code))]
        for column in hash_texts(texts, 2**18):
            found.update(column.tobytes())
    assert found.hexdigest() == ALL_OF_UNICODE


def test_python_is_never_asked_about_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["Plain ASCII", "ΟΔΥΣΣΕΥΣ İstanbul", "𠀀𠀁 straße ﬁﬂ", "ab\ud800cd"]
    expected = [column.tolist() for column in hash_texts(texts, 2**18)]
    letters.letters.cache_clear()
    monkeypatch.setitem(sys.modules, "unicodedata", None)
    monkeypatch.setitem(sys.modules, "re", None)
    found = hash_texts([Mute(text) for text in texts], 2**18)
    assert [column.tolist() for column in found] == expected


@pytest.mark.skipif(
    unicodedata.unidata_version != UNICODE,
    reason=f"only a Python that knows Unicode {UNICODE} can make the table anew; this one knows another",
)
def test_the_table_is_what_its_script_makes() -> None:
    assert files("unlearn_models.text").joinpath(letters.FILE).read_bytes() == write_letters.made().encode()


def test_later_pythons_differ_only_where_unicode_does() -> None:
    apart = sys.maxunicode + 1 - len(agreed())
    assert apart == 0 if unicodedata.unidata_version == UNICODE else 0 < apart < 20_000


def test_the_script_refuses_a_python_with_other_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicodedata, "unidata_version", "15.0.0")
    with pytest.raises(ValueError, match=r"this Python knows Unicode 15\.0\.0, the table is of 14\.0\.0"):
        write_letters.made()
