"""`unlearn manifest`: the version in force, partition by partition."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.table import Table

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log

if TYPE_CHECKING:
    from unlearn.log.protocol import Log
    from unlearn.results.manifest import Manifest, ShardEntry
    from unlearn.results.results_topic import Results
    from unlearn.settings import Settings

_COLUMNS = ("part", "counter", "applied", "erased", "shard", "status", "through", "rows", "digest")
_STYLES = {"behind": "yellow", "withdrawn": "bold yellow", "left-out": "bold red", "empty": "dim"}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, each manifest as it was published.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show each partition's newest manifest.

    Every deletion at an offset below a partition's `applied` is in none of its shards' states.

    \b
    Examples:
      unlearn manifest
      unlearn manifest --json | jq '.partitions[].applied'
    """
    settings = context.settings(ctx, demo=True)
    with open_log(settings) as log:
        results = newest_results(log, settings)
    manifests = sorted_manifests(results)
    if as_json:
        shown = [manifest.model_dump(mode="json") for manifest in manifests]
        click.echo(json.dumps({"version": results.version, "partitions": shown}, indent=2))
        return
    if manifests:
        context.console().print(_table(manifests))
    version = "none yet" if results.version is None else results.version
    click.echo(f"model {settings.model}, version {version}")


def newest_results(log: Log, settings: Settings) -> Results:
    """The results topic, read to its end. Raises LogUnavailable, TopicMissing."""
    from unlearn.errors import LogUnavailable
    from unlearn.results.results_topic import read_results

    topic, timeout = settings.results_topic, settings.kafka.request_timeout
    results = read_results(log, topic, settings.model, settings.partitions, timeout)
    if results is None:
        raise LogUnavailable(f"{topic} can't be read to its end")
    return results


def sorted_manifests(results: Results) -> list[Manifest]:
    """The newest manifest of each partition that has one, in the order of partitions."""
    newest = (held.manifest for _, held in sorted(results.partitions.items()))
    return [manifest for manifest in newest if manifest is not None]


def _table(manifests: list[Manifest]) -> Table:
    table = Table(*_COLUMNS, box=None)
    for manifest in manifests:
        partition = [manifest.partition, manifest.token.counter, manifest.applied, manifest.erased_through]
        for number, entry in enumerate(manifest.shards):
            first = map(str, partition) if number == 0 else [""] * len(partition)
            table.add_row(*first, *_cells(entry), style=_STYLES.get(entry.status, ""))
    return table


def _cells(entry: ShardEntry) -> list[str]:
    numbers = [str(number) for number in (entry.through, entry.rows)]
    return [str(entry.shard), entry.status, *numbers, entry.digest[:12]]
