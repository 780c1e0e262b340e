"""`unlearn gateway` that can't start says why, with the code of the table."""

from __future__ import annotations

import socket
import sys

import pytest
from click.testing import CliRunner

from unlearn.cli.main import cli
from unlearn.errors import SettingsError, Unavailable
from unlearn.http_server.listening import listening


@pytest.mark.parametrize("listen", ["8080", "localhost", "localhost:http", "localhost:70000", ":8080", "a b:80"])
def test_an_address_of_another_form_is_wrong_usage(listen: str) -> None:
    done = CliRunner().invoke(cli, ["gateway", "--listen", listen])

    assert done.exit_code == 2
    assert "not HOST:PORT, such as 127.0.0.1:8080" in done.output


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(cli, ["gateway"])

    assert isinstance(done.exception, SettingsError)
    assert "pip install 'unlearn-stream[gateway]'" in str(done.exception)


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"can't listen on 127.0.0.1:{port}: "):
            listening("127.0.0.1", port)
