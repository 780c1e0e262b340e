"""`unlearn score`: lines of text, or of JSON, scored by the version in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log, open_scorer, open_store
from unlearn.cli.options import wait_option
from unlearn.errors import AnswerInvalid, InputInvalid, NotEnough, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unlearn.scoring.inputs import Form, Input
    from unlearn.scoring.scorer import Answer, Scorer, Served
    from unlearn.settings import Settings

_CHUNK = 2000
_SHOWN = 60
_NOTHING_LEARNED = "nothing is learned yet, or all of it was deleted: each class has the same score"


@click.command(cls=Command)
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--jsonl", is_flag=True, help='Each line is JSON with "text" or "features", as in an insert.')
@click.option("--text", "as_text", is_flag=True, help="Each line is a text, even if it looks like JSON.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per input.")
@wait_option
@click.option("--version", type=click.IntRange(min=0), help="Score by this version, if that may still be loaded.")
@click.pass_context
def command(
    ctx: click.Context, source: BinaryIO, jsonl: bool, as_text: bool, as_json: bool, wait: float, version: int | None
) -> None:
    """Score each line of FILE by the newest version.

    FILE is plain, gzip or zstd. A partition takes part if its manifest covers all events that are in the log. All
    partitions are needed, unless UNLEARN_QUORUM says less; then those left out are named. The model's name, Kafka and
    store are enough: its manifests say the rest, and what is set and isn't the model's is an error.

    An earlier version is refused once it holds a record that was deleted since. For it the settings must be the model's
    own, its secret too.

    \b
    Examples:
      echo "win a free prize" | unlearn score -
      unlearn score --jsonl --json messages.jsonl.gz
    """
    if jsonl and as_text:
        raise click.UsageError("a line is JSON or text: give one of --jsonl and --text")
    form: Form = "json" if jsonl else "any text" if as_text else "text"
    served = _newest(ctx, wait) if version is None else _pinned(context.settings(ctx), version)
    if not served.learned:
        click.echo(_NOTHING_LEARNED, err=True)
    if not as_json:
        click.echo(_head(served))
    for inputs, answer in _answers(source, form, served):
        for given, line in zip(inputs, _json_lines(answer) if as_json else _lines(answer), strict=True):
            click.echo(line if as_json else f"{line}  {_shown(given)}")


def _newest(ctx: click.Context, wait: float) -> Served:
    with open_scorer(ctx, wait) as (scorer, settings):
        try:
            served = scorer.once(wait)
        except NotEnough as error:
            raise NotEnough("; ".join([str(error), *_store_trouble(scorer, settings)]), error.left_out) from error
        _tell_left_out(scorer, served)
        for trouble in _store_trouble(scorer, settings) if served.left_out else ():
            click.echo(trouble, err=True)
    return served


def _pinned(settings: Settings, version: int) -> Served:
    from unlearn.admin.versions.pinner import Pinner
    from unlearn.admin.versions.source import Source

    with open_log(settings) as log, context.reading() as progress:
        notes: list[str] = []
        pinner = Pinner(Source(settings, log, progress, notes.append), open_store(settings))
        pinner.check(version)
        (versions,) = pinner.found(version)
        for note in notes:
            click.echo(f"note: {context.printable(note)}", err=True)
        return pinner.served(version, versions)


def _store_trouble(scorer: Scorer, settings: Settings) -> list[str]:
    """A line of advice where manifests can't be used because the store isn't the model's; else nothing."""
    from unlearn.storage.marker import unlike

    if not scorer.problems:
        return []
    try:
        trouble = unlike(open_store(settings), settings.model)
    except StoreUnavailable as error:
        trouble = str(error)
    return [f"{trouble} (UNLEARN_STORE__URL is {settings.store.url})"] if trouble else []


def _answers(source: BinaryIO, form: Form, served: Served) -> Iterator[tuple[list[Input], Answer]]:
    from unlearn.admin.input.lines import MAX_LINE, read_lines
    from unlearn.scoring.inputs import chunks, parse_lines, to_rows

    done, learner = 0, served.learner
    inputs = parse_lines(read_lines(source), form=form, n_features=learner.n_features, longest=MAX_LINE)
    for chunk in chunks(inputs, _CHUNK):
        try:
            answer = served.scores(to_rows(chunk, learner.classes, learner.n_features))
        except AnswerInvalid as error:
            raise InputInvalid(f"input {done + error.row + 1}: what the model says of it is no probability") from error
        yield chunk, answer
        done += len(chunk)


def _tell_left_out(scorer: Scorer, served: Served) -> None:
    if not served.left_out:
        return
    names = ", ".join(map(str, served.left_out))
    click.echo(f"left out: partitions {names}; no manifest of theirs covers the log's end", err=True)
    for partition in sorted(set(served.left_out) & set(scorer.problems)):
        click.echo(f"partition {partition}: {scorer.problems[partition]}", err=True)


def _json_lines(answer: Answer) -> Iterator[str]:
    rest = {"version": answer.version, "left_out": list(answer.left_out)}
    for row in answer.scores.tolist():
        yield json.dumps({"scores": dict(zip(answer.classes, row, strict=True)), **rest})


def _widths(classes: tuple[str, ...]) -> tuple[int, list[int]]:
    """Widths of the column of labels and of each class's column."""
    return max(5, *map(len, classes)), [max(6, len(name)) for name in classes]


def _head(served: Served) -> str:
    classes = served.learner.classes
    label, widths = _widths(classes)
    names = "  ".join(f"{name:>{width}}" for name, width in zip(classes, widths, strict=True))
    return f"{'label':<{label}}  {names}  text"


def _lines(answer: Answer) -> Iterator[str]:
    width, widths = _widths(answer.classes)
    for label, row in zip(answer.labels(), answer.scores.tolist(), strict=True):
        shares = "  ".join(f"{share:>{w}.4f}" for share, w in zip(row, widths, strict=True))
        yield f"{label:<{width}}  {shares}"


def _shown(given: Input) -> str:
    """The text, cut, without characters that would control a terminal."""
    if given.text is None:
        return f"({len(given.features or ())} features)"
    start = given.text[: _SHOWN + 1]
    clean = "".join(letter if letter.isprintable() else " " for letter in start)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"
