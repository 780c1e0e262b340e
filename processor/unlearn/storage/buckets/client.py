"""The client of the bucket that the settings name: obstore's, by the settings and the environment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, S3Store

from unlearn.environment.named_files import Unreadable, read_named_file
from unlearn.errors import SettingsError
from unlearn.service_settings.store import StoreSettings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

__all__ = ["Bucket", "Place", "connect"]

Bucket = S3Store | GCSStore | AzureStore

_MISSING = {
    "Account must be specified": "AZURE_STORAGE_ACCOUNT_NAME",
    "Missing AccessKeyId": "AWS_ACCESS_KEY_ID",
    "Missing SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
}
_WRONG = {
    "root_certificate": "UNLEARN_STORE__SSL_CAFILE",
    "Invalid Access Key": "AZURE_STORAGE_ACCOUNT_KEY",
    "SAS query": "AZURE_STORAGE_SAS_TOKEN",
    "service account": "GOOGLE_APPLICATION_CREDENTIALS",
}
"""The client's words -> the variable that they are about."""


class Place(NamedTuple):
    """Where a store is: `scheme` is s3, gs or az, and `shown` is what people are told, which holds no secret."""

    scheme: str
    shown: str


def connect(settings: StoreSettings, model: str) -> tuple[Bucket, Place]:
    """The client for the model's names below the URL, and its place. Nothing is sent yet.

    Credentials come from the environment, as the clouds' own tools read them. Raises SettingsError.
    """
    parts = urlsplit(settings.url)
    folders = [folder for folder in parts.path.split("/") if folder]
    if not parts.netloc or parts.query or parts.fragment or {".", ".."} & set(folders):
        raise SettingsError(f"UNLEARN_STORE__URL: names no bucket; use {parts.scheme}://bucket/prefix")
    prefix = "/".join((*folders, model))
    options = _options(settings)
    try:
        client = _client(settings, parts.scheme, parts.netloc, prefix, options)
    except Exception as error:  # of options that it doesn't like the client raises now this, now that
        raise SettingsError(_told(settings.url, _first_line(error))) from error
    return client, Place(parts.scheme, _shown(settings))


def _client(settings: StoreSettings, scheme: str, bucket: str, prefix: str, options: ClientConfig) -> Bucket:
    retries = _retries(settings)
    if scheme == "s3":
        config = _s3(settings, bucket)
        return S3Store(bucket, prefix=prefix, config=config, client_options=options, retry_config=retries)
    if scheme == "gs":
        own = {"base_url": settings.endpoint} if settings.endpoint else {}
        return GCSStore(bucket, prefix=prefix, config=own, client_options=options, retry_config=retries)  # type: ignore[arg-type]
    own = {"endpoint": settings.endpoint} if settings.endpoint else {}
    return AzureStore(bucket, prefix=prefix, config=own, client_options=options, retry_config=retries)  # type: ignore[arg-type]


def _s3(settings: StoreSettings, bucket: str) -> S3Config:
    # The server compares the checksum with what it stores. Not all servers know how to delete several names at once.
    config: S3Config = {"checksum_algorithm": "SHA256", "disable_bulk_delete": True, "conditional_put": "etag"}
    if settings.region:
        config["region"] = settings.region
    if settings.endpoint:
        parts = urlsplit(settings.endpoint)
        host = parts.netloc if settings.path_style else f"{bucket}.{parts.netloc}"
        config["endpoint"] = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    if not settings.path_style:
        config["virtual_hosted_style_request"] = True
    return config


def _options(settings: StoreSettings) -> ClientConfig:
    options: ClientConfig = {"timeout": timedelta(seconds=settings.request_timeout), "user_agent": "unlearn"}
    if settings.endpoint and settings.endpoint.startswith("http://"):
        options["allow_http"] = True
    if settings.ssl_cafile is not None:
        try:
            options["root_certificate"] = read_named_file(settings.ssl_cafile)
        except Unreadable as error:
            raise SettingsError(f"UNLEARN_STORE__SSL_CAFILE: {settings.ssl_cafile} {error}") from None
    return options


def _retries(settings: StoreSettings) -> RetryConfig:
    waits = {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=1), "base": 2}
    return {
        "backoff": waits,  # type: ignore[typeddict-item]
        "max_retries": 10 if settings.retry_for else 0,
        "retry_timeout": timedelta(seconds=settings.retry_for),
    }


def _shown(settings: StoreSettings) -> str:
    return f"{settings.url} at {settings.endpoint}" if settings.endpoint else settings.url


def _told(url: str, said: str) -> str:
    """An error in words for people, of what the client said of its options."""
    for words, name in _MISSING.items():
        if words in said:
            return f"{name}: isn't set, and {url} needs it"
    name = next((name for words, name in _WRONG.items() if words in said), "UNLEARN_STORE__URL")
    return f"{name}: {url} can't be used: {said}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
