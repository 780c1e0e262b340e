"""The settings of the store: where it is, and how an object store is asked."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from unlearn.setting_types import Duration, Frozen

__all__ = ["StoreSettings"]

_OBJECT_STORES = ("s3://", "gs://", "az://")


class StoreSettings(Frozen):
    """Where slice files, checkpoints and published states are."""

    url: str = Field(
        pattern=r"^[a-z][a-z0-9+]*://([^@/]+|[^@/]*/.*)$",
        description="URL of the folder of slice files and states, or s3://bucket/prefix, az://container/prefix or, "
        "untried, gs://bucket/prefix; unset: a folder in services_dir",
    )
    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s@?#]+$",
        description="http[s]://host[:port] of an object store elsewhere; unset: Amazon's, Google's or Azure's own",
    )
    region: str | None = Field(
        None, pattern=r"^[A-Za-z0-9-]+$", description="region of an S3 bucket; unset: AWS_REGION, or us-east-1"
    )
    path_style: bool = Field(
        True, description="whether an S3 bucket is named in the path of requests; false: in their host name"
    )
    ssl_cafile: Path | None = Field(
        None, description="PEM file of authorities trusted beside the system's, for an object store; unset: none"
    )
    request_timeout: Duration = Field(10.0, gt=0, description="seconds that one request to an object store may take")
    retry_for: Duration = Field(
        2.0,
        ge=0,
        description="seconds for which a request that an object store didn't answer is repeated, with growing waits; "
        "0: not at all. A worker comes back to it later in any case",
    )
    cache_bytes: int = Field(
        64 * 2**20,
        ge=0,
        description="bytes in which a process keeps what it last read of an object store, at most; 0: none. Each is "
        "asked for again, and sent only if it changed",
    )

    @property
    def is_folder(self) -> bool:
        """Whether the store is a folder, not an object store."""
        return not self.url.startswith(_OBJECT_STORES)
