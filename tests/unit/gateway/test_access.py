"""Tokens of a file, and how often each may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearn.errors import SettingsError
from unlearn.http_server.access import Rate, read_tokens

SETTING = "UNLEARN_GATEWAY__TOKENS"
ONE, TWO = "a-token-0000000001", "a-token-0000000002"


def tokens_file(folder: Path, text: str) -> Path:
    path = folder / "tokens"
    path.write_text(text)
    return path


def test_a_token_tells_whose_it_is(tmp_path: Path) -> None:
    tokens = read_tokens(tokens_file(tmp_path, f"# theirs\n\nshop {ONE}\n  shop\t{TWO}  \n"), SETTING)

    assert tokens.name_of(f"Bearer {ONE}") == tokens.name_of(f"bearer   {TWO}") == "shop"


@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {ONE}", f"Bearer {ONE}x", f"Bearer {ONE} x", ONE])
def test_anything_else_is_nobodys(tmp_path: Path, header: str) -> None:
    assert read_tokens(tokens_file(tmp_path, f"shop {ONE}\n"), SETTING).name_of(header) is None


@pytest.mark.parametrize("text", ["", "# none\n", "shop\n", "shop short\n", f"shop {ONE} x\n", f"a {ONE}\nb {ONE}\n"])
def test_a_file_without_tokens_or_with_another_form_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="UNLEARN_GATEWAY__TOKENS") as seen:
        read_tokens(tokens_file(tmp_path, text), SETTING)
    assert ONE not in str(seen.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none can't be read: No such file"):
        read_tokens(tmp_path / "none", SETTING)


def test_each_name_has_its_own_rate_and_twice_that_at_once() -> None:
    now = [0.0]
    rate = Rate(2.0, lambda: now[0])

    assert [rate.wait("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert rate.wait("b") == 0
    now[0] = 0.5
    assert [rate.wait("a"), rate.wait("a")] == [0, 0.5]
    now[0] = 100
    assert [rate.wait("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_a_slow_rate_lets_one_through() -> None:
    now = [0.0]
    rate = Rate(0.1, lambda: now[0])

    assert [rate.wait("a"), rate.wait("a")] == [0, 10]
