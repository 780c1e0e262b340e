"""`unlearn diff`: how two versions of the model differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log, open_store
from unlearn.cli.fitting import Fitting

if TYPE_CHECKING:
    from unlearn.admin.versions.report import Difference, PartitionDiffers
    from unlearn.scoring.inputs import Form
    from unlearn.settings import Settings
    from unlearn_models.base.rows import Rows

_PARTITIONS = ("part", "versions", "rows", "learned", "forgot", "replaced", "shards")
_WEIGHTS = ("feature", "class", "before", "after")


@click.command(cls=Command)
@click.argument("first", type=click.IntRange(min=0), metavar="A")
@click.argument("second", type=click.IntRange(min=0), metavar="[B]", required=False)
@click.option("--texts", type=click.File("rb"), metavar="FILE|-", help="Score each line by both, and compare.")
@click.option("--jsonl", is_flag=True, help='Each line of texts is JSON with "text" or "features".')
@click.option("--weights", type=click.IntRange(min=0), default=10, show_default=True, help="How many are told at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object; `unlearn schemas` has its schema.")
@click.pass_context
def command(
    ctx: click.Context,
    first: int,
    second: int | None,
    texts: BinaryIO | None,
    jsonl: bool,
    weights: int,
    as_json: bool,
) -> int:
    """Tell how version B differs from the earlier A.

    Rows learned and forgotten, shards changed, the largest changes of weights, and how far texts are scored alike. A
    version is a results offset, as `unlearn versions` lists them and scorers tell them: of each partition what was its
    newest there. Without B it is the newest. Features are hashed, so they have numbers and no names. A version that
    holds records that were deleted since is not loaded: then weights and texts aren't compared.

    \b
    Examples:
      unlearn diff 71 88
      unlearn diff 71 --texts messages.txt --json
    """
    settings = context.settings(ctx)
    context.tell_earlier(settings)
    rows = None if texts is None else _rows(texts, settings, jsonl=jsonl)
    found = _difference(settings, first, second, rows, weights)
    if as_json:
        click.echo(context.to_json(found.model_dump(mode="json")))
    else:
        _show(found)
    return 1 if found.scores_unknown else 0


def _difference(settings: Settings, first: int, second: int | None, rows: Rows | None, most: int) -> Difference:
    from unlearn.admin.versions.difference import Differ
    from unlearn.admin.versions.source import Source

    notes: list[str] = []
    with open_log(settings) as log, context.reading() as progress:
        source = Source(settings, log, progress, notes.append)
        return Differ(source, open_store(settings)).compare(first, second, rows, most, notes)


def _rows(texts: BinaryIO, settings: Settings, *, jsonl: bool) -> Rows:
    from unlearn.admin.input.lines import MAX_LINE, read_lines
    from unlearn.scoring.inputs import parse_lines, to_rows

    form: Form = "json" if jsonl else "text"
    inputs = parse_lines(read_lines(texts), form=form, n_features=settings.features, longest=MAX_LINE)
    return to_rows(list(inputs), settings.classes, settings.features)


def _show(found: Difference) -> None:
    console = context.console()
    table = Fitting(_PARTITIONS, words=("versions", "shards"), wraps="shards")
    for one in found.partitions:
        table.add_row(*_cells(one))
    console.print(table)
    for one in found.partitions:
        if one.unknown:
            click.echo(f"note: partition {one.partition}: {one.unknown}", err=True)
    if found.weights is None:
        click.echo(f"note: weights: {found.weights_unknown}", err=True)
    elif found.weights:
        weights = Fitting(_WEIGHTS, words=("class",))
        for each in found.weights:
            weights.add_row(str(each.feature), context.printable(each.of), *(f"{value:.6g}" for value in each.weight))
        console.print(weights)
    if found.scores is not None:
        click.echo(_agreement(found))
    elif found.scores_unknown:
        click.echo(f"note: texts: {found.scores_unknown}", err=True)
    for note in found.notes:
        click.echo(f"note: {context.printable(note)}", err=True)


def _agreement(found: Difference) -> str:
    scores = found.scores
    if scores is None or not scores.texts:
        return "no texts"
    share = scores.same_label / scores.texts
    return (
        f"{scores.same_label} of {scores.texts} texts have the same label ({share:.2%}); the largest difference of a "
        f"probability is {scores.largest:.6g}, on line {scores.at}"
    )


def _cells(one: PartitionDiffers) -> Iterator[str]:
    yield str(one.partition)
    yield f"{_known(one.versions[0])} -> {_known(one.versions[1])}"
    yield f"{_known(one.rows[0])} -> {_known(one.rows[1])}"
    yield from map(_known, (one.learned, one.forgotten, one.replaced))
    shards = ", ".join(f"{shard.shard}: {shard.rows[0]} -> {shard.rows[1]} rows" for shard in one.shards)
    yield shards + (f"; {one.withheld} rows withheld" if one.withheld else "")


def _known(number: int | None) -> str:
    return "?" if number is None else str(number)
