"""`unlearn study`: every method on one data set, by cost and by consistency."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from rich.console import Console

    from unlearn_study.cells import Cell
    from unlearn_study.deletions import Effort
    from unlearn_study.keeping import Kept
    from unlearn_study.problem import Problem
    from unlearn_study.run import Done
    from unlearn_study.sources.files.form import Form
    from unlearn_study.sources.names import Names

_METHODS = ("naive", "sisa", "forest", "pu")
_QUICK_ROWS = 2_000
_WIDTH = 100
"""Columns of what is printed to no terminal, so that no number is cut."""


class DataInvalid(UnlearnError):
    """The data can't be used, or were named wrongly; ends the command as wrong usage does."""

    exit_code = 2


class Listed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Values with commas between them."""

    def __init__(self, item: click.ParamType, name: str) -> None:  # type: ignore[type-arg,unused-ignore]
        self._item, self.name = item, name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[object, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(self._item.convert(part.strip(), param, ctx) for part in str(value).split(",")))


class Separator(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A character, or its name."""

    name = "SIGN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from unlearn_study.sources.files.form import SEPARATORS

        found = SEPARATORS.get(str(value).lower(), str(value))
        if len(found) != 1 or found in '\r\n"':
            self.fail(f"{value!r} is neither one character nor one of {', '.join(SEPARATORS)}", param, ctx)
        return found


_COUNTS = Listed(click.IntRange(1, 1000), "N,N,...")


@click.command(cls=Command)
@click.option("--data", required=True, metavar="SPEC", help="What to learn from; see above.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where results go.")
@click.option("--rows", type=click.IntRange(100), help="The first N records. [default: all; 20000 if generated]")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Of split and deletions.")
@click.option(
    "--methods",
    type=Listed(click.Choice(_METHODS), "M,M,..."),
    default=",".join(_METHODS),
    show_default=True,
    help="What to measure.",
)
@click.option("--shards", type=_COUNTS, help="SISA's S to sweep. [default: 1,5,10,20]")
@click.option("--slices", type=_COUNTS, help="SISA's R to sweep. [default: 1,5,10]")
@click.option("--text-column", metavar="NAME", help="Field or column of the text. [default: guessed]")
@click.option("--label-column", metavar="NAME", help="[default: guessed, else the last column]")
@click.option("--subject-column", metavar="NAME", help="Whose record it is. [default: guessed, else none]")
@click.option("--encoding", metavar="NAME", help="Of files, as latin-1. [default: UTF-8, or UTF-16 if marked so]")
@click.option("--separator", type=Separator(), metavar="SIGN", help="Between cells: ';', tab, space. [default: found]")
@click.option("--header/--no-header", default=None, help="Line 1 names the columns, or is a record. [default: found]")
@click.option("--quotes/--no-quotes", default=None, help="Quotes hold cells together. [default: not between tabs]")
@click.option("--missing", type=Listed(click.STRING, "WORD,..."), help="Cells that say nothing, beside NA, ? and such.")
@click.option("--skip-bad", is_flag=True, help="Leave out lines that can't be read, and count them.")
@click.option("--positive", metavar="LABEL", help="The positive class of PU. [default: spam, 1, ..., else the rarest]")
@click.option("--quick", is_flag=True, help="Fewer settings, runs and generated rows: a minute at most.")
@click.option("--fresh", is_flag=True, help="Measure everything again.")
def command(
    data: str,
    out: Path,
    rows: int | None,
    seed: int,
    methods: tuple[str, ...],
    shards: tuple[int, ...] | None,
    slices: tuple[int, ...] | None,
    text_column: str | None,
    label_column: str | None,
    subject_column: str | None,
    positive: str | None,
    quick: bool,
    fresh: bool,
    **written: Any,
) -> int:
    """Compare naive retraining, SISA, forest and PU on one data set.

    Each is judged by computational cost (build, deletions, memory) and by consistency (accuracy, agreement with
    a retrained model, equality of bytes). --out gets results.json, report.md and plots as PNG and SVG. What is
    finished is kept there: a second run goes on where the first one was stopped.

    \b
    SPEC is one of:
      generated                                 tweets that look like HSpam14
      hspam14:LABELS.csv,TWEETS.jsonl           tweet_id,label,step and hydrated tweets: JSON of either API, pages
                                                of twarc2, CSV of Hydrator or twarc, or tweet_id,user_id,text
      FILE.jsonl, .ndjson, .json                objects with a text and a label
      FILE.csv, .tsv, .txt, .data               texts and labels, or columns of numbers and words
    Files may be packed (.gz, .bz2, .xz, .zst, .zip). Columns without names go by their number, from 1; fields within
    fields by dots, as user.id. How a file was read, and what of it was left out, is said and stands in the report.

    \b
    Examples:
      unlearn study --data generated --out study-out --quick
      unlearn study --data mails.jsonl.gz --out mails --methods naive,sisa --shards 1,20
      unlearn study --data adult.csv.gz --out adult --label-column 15
    """
    from unlearn_study.cells import grid
    from unlearn_study.deletions import FULL, QUICK
    from unlearn_study.errors import BadData, StudyError
    from unlearn_study.sources.names import Names

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = context.console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    wanted = rows or (_QUICK_ROWS if quick and data == "generated" else None)
    cells = grid(methods, shards or ((1, 5) if quick else (1, 5, 10, 20)), slices or ((1, 5) if quick else (1, 5, 10)))
    try:
        names, form = Names(text_column, label_column, subject_column), _form(**written)
        problem = _problem(data, names, form, wanted, seed, positive, console)
        return _study(problem, cells, QUICK if quick else FULL, seed, out, fresh, console)
    except BadData as error:
        raise DataInvalid(str(error)) from None
    except StudyError as error:
        raise UnlearnError(str(error)) from None


def _form(missing: tuple[str, ...] | None, **others: Any) -> Form:
    from unlearn_study.sources.files.form import Form

    return Form(missing=missing or (), **others)


def _problem(
    data: str, names: Names, form: Form, rows: int | None, seed: int, positive: str | None, console: Console
) -> Problem:
    from unlearn_study.problem import make_problem
    from unlearn_study.sources.spec import read

    with console.status("reading the data"):
        problem = make_problem(read(data, names, rows, seed, form), seed, positive)
    counts = f"{len(problem.wide.train):,} rows to train, {len(problem.wide.test):,} to test"
    console.print(f"{problem.name}: {counts}, classes {', '.join(problem.classes[:10])}", markup=False)
    for note in problem.notes:
        console.print(f"- {note}", style="dim", markup=False)
    return problem


def _study(
    problem: Problem, cells: list[Cell], effort: Effort, seed: int, out: Path, fresh: bool, console: Console
) -> int:
    from unlearn_study.keeping import Kept, write_atomically
    from unlearn_study.run import results, terms
    from unlearn_study.show.findings import inexact
    from unlearn_study.show.plots import draw
    from unlearn_study.show.report import report

    out.mkdir(parents=True, exist_ok=True)  # first, so that one that can't be made fails before hours of measuring
    of = terms(problem, effort, seed)
    kept = Kept(out, of)
    if fresh:
        kept.drop_all()
    found = results(_measured(problem, cells, kept, effort, seed, console), problem, of)
    write_atomically(out / "results.json", json.dumps(found, indent=1).encode())
    with console.status("drawing"):
        plots = draw(found, out)
    write_atomically(out / "report.md", report(found, plots).encode())
    _show(found, console)
    files = ("report.md", "results.json", *(file.name for file in plots))
    console.print(f"\nin {out}: {', '.join(files)}", markup=False, soft_wrap=True)
    return 1 if inexact(found) else 0


def _measured(
    problem: Problem, cells: list[Cell], kept: Kept, effort: Effort, seed: int, console: Console
) -> list[Done]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from unlearn_study.run import run

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    done: list[Done] = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(cells))

        def tell(cell: Cell) -> None:
            progress.update(task, description=cell.name)

        for one in run(cells, problem, kept, effort, seed, tell):
            done.append(one)
            progress.advance(task)
            if not console.is_terminal:
                how = "kept" if one.kept else "refused" if "refused" in one.figures else "measured"
                console.print(f"  {len(done)}/{len(cells)}  {one.cell.name}: {how}", markup=False, soft_wrap=True)
    reused = sum(one.kept for one in done)
    if reused:
        console.print(f"{reused} of {len(done)} cells are of an earlier run; --fresh measures them again", style="dim")
    return done


def _show(found: dict[str, Any], console: Console) -> None:
    from unlearn_study.show.findings import findings, verdict
    from unlearn_study.show.tables import refused, show, tables

    for table in tables(found):
        show(table, console)
    for line in refused(found):
        console.print(f"left out, {line}", style="yellow", markup=False, soft_wrap=True)
    console.print(f"\n{verdict(found)}", style="bold", markup=False, soft_wrap=True)
    for line in findings(found):
        console.print(
            f"- {line}", style="bold red" if line.startswith("NOT EXACT") else None, markup=False, soft_wrap=True
        )
