"""`unlearn serve` that can't serve what it is asked for says why, instead of waiting for it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from unlearn.cli.main import cli
from unlearn.errors import SettingsError


@pytest.mark.parametrize("name", ["", "../../etc", "Mail", "a" * 64])
def test_what_can_be_no_models_name_is_refused(name: str) -> None:
    done = CliRunner().invoke(cli, ["serve", "--also", name, "--listen", "127.0.0.1:0", "--check"])

    assert isinstance(done.exception, SettingsError)
    assert "--also" in str(done.exception)
    assert "is no model's name" in str(done.exception)
