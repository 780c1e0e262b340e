"""The extras of the distribution that parts of it need, and what is said where one isn't installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from unlearn.errors import ExtraMissing

__all__ = ["EXTRAS", "extra_of", "first_missing", "missing", "require"]

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "avro": ("fastavro",),
    "aws": ("aws_msk_iam_sasl_signer",),
    "codecs": ("lz4", "snappy", "zstandard"),
    "export": ("onnx", "safetensors"),
    "s3": ("obstore",),
    "serve": ("prometheus_client", "starlette", "uvicorn"),
    "gssapi": ("gssapi",),
    "gateway": ("cryptography", "httpx", "prometheus_client", "starlette", "uvicorn"),
    "ops": ("hiredis", "msgpack", "redis"),
    "console": ("hiredis", "msgpack", "prometheus_client", "redis", "starlette", "uvicorn"),
    "local": ("hiredis", "psutil", "redis"),
    "study": ("matplotlib", "scipy", "sklearn"),
    "worker": ("hiredis", "lz4", "msgpack", "numba", "prometheus_client", "redis", "snappy", "zstandard"),
}
"""Extra -> the modules by which it can be told whether it is installed."""


def missing(extra: str) -> str | None:
    """The first module of the extra that isn't installed; None if all are."""
    return first_missing(EXTRAS[extra])


def first_missing(modules: Iterable[str]) -> str | None:
    """The first of these modules that isn't installed; None if all are."""
    return next((name for name in modules if not _is_there(name)), None)


def require(what: str, *extras: str) -> None:
    """Raises ExtraMissing where one of the extras, which `what` needs, isn't installed."""
    for extra in extras:
        if (module := missing(extra)) is not None:
            raise ExtraMissing(what, extra, module)


def extra_of(module: str | None) -> str | None:
    """The first extra in `EXTRAS` that installs this module, by its dotted name; None if none does."""
    package = (module or "").partition(".")[0]
    return next((extra for extra, names in EXTRAS.items() if package in names), None)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it is kept from being imported
        return False
