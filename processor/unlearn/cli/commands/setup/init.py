"""`unlearn init`: a file of settings for a new model, with a secret of its own."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.environment.private_files import make_file
from unlearn.environment.variables import CONFIG
from unlearn.errors import FileUnusable, SettingsError

_BEATEN_BY = {"model": "UNLEARN_MODEL", "secret": "UNLEARN_SECRET"}


@click.command(cls=Command)
@click.argument("model")
@click.pass_context
def command(ctx: click.Context, model: str) -> None:
    """Make a file of settings for a model, with a secret of its own.

    The file is the one that --config or UNLEARN_CONFIG names, and its owner's alone. One that is there is left as
    it is, so that this is safe to repeat. All of the model's processes need the same secret: keep it.

    \b
    Examples:
      export UNLEARN_CONFIG=~/mail.toml
      unlearn init mail
    """
    path = context.config(ctx)
    if path is None:
        raise click.UsageError(f"name the file: unlearn --config FILE init {model}, or set {CONFIG}")
    for setting, variable in _BEATEN_BY.items():
        if os.environ.get(variable):
            raise SettingsError(f"{variable} is set and would beat the file's {setting}: unset {variable}")
    made = not path.exists() and _write(path, model)
    found = context.settings(ctx)
    if found.model != model:
        raise SettingsError(f"{path} is there, and is of the model {found.model}, not {model}: name another file")
    click.echo(f"{'made    ' if made else 'is there'} {path}: model {model}")


def _write(path: Path, model: str) -> bool:
    """Write the file whole or not at all; False if another process was faster. Raises SettingsError, FileUnusable."""
    _check(model)
    text = f'model = "{model}"\nsecret = "{secrets.token_hex(32)}"\n'
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        make_file(scratch).write_text(text, encoding="utf-8")
        os.link(scratch, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise FileUnusable(f"{path} can't be written: {error.strerror}") from None
    finally:
        scratch.unlink(missing_ok=True)
    return True


def _check(model: str) -> None:
    """Check the name before the file is made. Raises SettingsError."""
    from pydantic import SecretStr, ValidationError

    from unlearn.settings import Settings

    try:
        Settings(model=model, secret=SecretStr(secrets.token_hex(16)))
    except ValidationError:
        described = Settings.model_fields["model"].description
        raise SettingsError(f"{model!r} can't be a model's name ({described})") from None
