"""Exports what is served now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from unlearn.admin.exporting.description import DESCRIPTION, Description, scores_of
from unlearn.admin.exporting.files import NEEDS, files_of
from unlearn.admin.exporting.format import Format
from unlearn.environment.regular_file import create_file
from unlearn.errors import ExtraMissing, FileUnusable, InputInvalid, Refused
from unlearn.extras import first_missing
from unlearn.scoring.serving import Merged, Served
from unlearn_models.base.aggregate import Aggregate, Aggregated

__all__ = ["aggregate_of", "check_format", "check_place", "described", "write"]


def check_format(to: Format) -> None:
    """Raises ExtraMissing where a package is missing by which the format is written."""
    lacking = first_missing(NEEDS[to])
    if lacking is not None:
        raise ExtraMissing(f"an export to {to}", "export", lacking)


def check_place(folder: Path) -> None:
    """Raises InputInvalid unless the folder is empty or not there: another export must not be mixed with this one.

    Raises FileUnusable where that can't be told.
    """
    try:
        taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    except OSError as error:
        raise FileUnusable(f"{folder} can't be read: {error.strerror}") from error
    if taken:
        raise InputInvalid(f"{folder} is there, and not an empty folder: give another one")


def aggregate_of(served: Served) -> Aggregate:
    """What is served as one linear model.

    Raises Refused where it is none: a sum of several others, or no model at all.
    """
    if not isinstance(served.ensemble, Aggregated):
        raise Refused(
            f"what is served can't be exported: the learner is {served.learner.id}, and only naive-bayes, "
            "complement-naive-bayes and linear are one linear model over all shards, once there are rows"
        )
    return served.ensemble.aggregate()


def described(
    to: Format, served: Served, merged: Mapping[int, Merged], model: Aggregate, began: float, use_for: float
) -> Description:
    """What the export says of itself. `merged`: the manifests that are served.

    `began`: seconds since 1970, before anything of what is served was read. `use_for`: seconds.
    """
    newest = max(merged.values(), key=lambda one: one.offset)
    at = datetime.fromtimestamp(began, UTC)
    return Description(
        to=to,
        model=newest.manifest.model,
        identity=newest.manifest.identity,
        learner=served.learner.id,
        classes=served.learner.classes,
        features=served.learner.n_features,
        version=newest.offset,
        versions={str(partition): one.offset for partition, one in sorted(merged.items())},
        left_out=served.left_out,
        content=served.content,
        exported_at=at.isoformat(timespec="seconds"),
        use_until=(at + timedelta(seconds=use_for)).isoformat(timespec="seconds"),
        values=model.values,
        link=model.link,
        scores=scores_of(model),
    )


def write(folder: Path, model: Aggregate, description: Description) -> tuple[str, ...]:
    """Write the export, all of it or nothing, for its owner alone. Returns the files' names.

    Raises InputInvalid, FileUnusable.
    """
    files = files_of(model, description)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    whole = description.model_copy(update={"files": digests})
    files[DESCRIPTION] = (whole.model_dump_json(indent=2) + "\n").encode()
    place = folder.absolute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            for name, data in files.items():
                with create_file(part / name) as file:
                    file.write(data)
            part.rename(place)
        finally:
            rmtree(part, ignore_errors=True)
    except OSError as error:
        raise FileUnusable(f"{folder} can't be written: {error.strerror}") from error
    return tuple(files)
