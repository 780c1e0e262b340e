"""The settings: frozen values, read from `UNLEARN_*` variables and a TOML file.

A variable beats the file, the file beats the default. An unknown name is an error, never silence.
`Settings(...)` itself reads nothing but its arguments.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from unlearn.environment.user_folders import default_services_dir
from unlearn.extras import missing
from unlearn.mapping.files import mapping_named
from unlearn.mapping.mapping import EARLIER, PLAIN, Mapping
from unlearn.mapping.reading import Reading, Tombstones
from unlearn.service_settings.console import ConsoleSettings
from unlearn.service_settings.gateway import GatewaySettings
from unlearn.service_settings.kafka import KafkaSettings
from unlearn.service_settings.redis import RedisSettings
from unlearn.service_settings.serving import ServingSettings
from unlearn.service_settings.store import StoreSettings
from unlearn.setting_types import Duration, Frozen, HostNames, json_list, json_object

__all__ = [
    "DEMO_SECRET",
    "KafkaSettings",
    "LearnerName",
    "Partitions",
    "RedisSettings",
    "Settings",
    "Shards",
    "TopicSettings",
    "load_settings",
]

LearnerName = Literal["naive-bayes", "complement-naive-bayes", "linear", "forest", "pu-naive-bayes", "pu-linear"]
"""The learners that `models` can make. The names are repeated here because importing `models` takes a second."""

Partitions = Annotated[int, Field(ge=1, le=10_000)]
Shards = Annotated[int, Field(ge=1, le=1024)]
_DAYS = 86400.0
_TOPIC = r"^[A-Za-z0-9._-]{1,249}$"

DEMO_SECRET = "demo-only-secret-never-for-real-data"  # noqa: S105  it is public on purpose


def _mapping(value: object) -> object:
    return mapping_named(value) if isinstance(value, str) else value


class TopicSettings(Frozen):
    """Other names for the topics."""

    events: str | None = Field(None, pattern=_TOPIC, description="unset: <model>.events")
    results: str | None = Field(None, pattern=_TOPIC, description="unset: <model>.results")
    receipts: str | None = Field(None, pattern=_TOPIC, description="unset: <model>.receipts")
    dead_letters: str | None = Field(None, pattern=_TOPIC, description="unset: <model>.dead-letters")
    history: str | None = Field(None, pattern=_TOPIC, description="unset: <model>.history")


def _store_beside_services(data: dict[str, Any]) -> StoreSettings:
    return StoreSettings(url=(data["services_dir"] / "store").absolute().as_uri())


class Settings(BaseSettings):
    """All settings of one model; durations are float seconds. Raises pydantic's ValidationError."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="UNLEARN_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    model: str = Field(
        "demo",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="name of the model: a-z, 0-9 and -, in topic names and keys",
    )
    learner: LearnerName = Field("naive-bayes", description="what is trained")
    learner_options: Annotated[dict[str, bool | int | float | str], NoDecode, BeforeValidator(json_object)] = Field(
        {}, description="settings of the learner's own, a JSON object"
    )
    classes: Annotated[tuple[str, ...], NoDecode, BeforeValidator(json_list)] = Field(
        ("ham", "spam"), description="the labels, a JSON list of two or more"
    )
    secret: SecretStr = Field(
        description="key of the digests that stand for ids: 16 bytes or more, the same for all of the "
        "model's processes; make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
    )
    features: int = Field(2**18, ge=2, le=2**30, description="number of hashed features")
    subjects: bool = Field(
        True, description="whether records belong to subjects; false: a record id alone names a record"
    )
    mapping: Annotated[Mapping | None, NoDecode, BeforeValidator(_mapping)] = Field(
        None,
        description="how senders' messages are read: plain, cloudevents, debezium, opendsr, segment, or the path of a "
        "TOML file; unset: plain, and earlier for a model that a release before mappings made",
    )
    tombstones: Tombstones | None = Field(
        None,
        description="what a null value under a key is; refuse: a possible deletion, which stays open; delete: a "
        "deletion of what the key names by the mapping; ignore: nothing; unset: refuse, and ignore for a model that a "
        "release before mappings made",
    )
    schema_registry: SecretStr | None = Field(
        None,
        description="http[s]://[user:password@]host:port of the schema registry by whose schemas Avro is read; unset: "
        "none",
    )
    partitions: Partitions = Field(4, description="partitions of the events topic when the model is made")
    shards_per_partition: Shards = Field(3, description="models trained apart in each partition")
    slice_span: int = Field(2000, ge=1, le=10_000_000, description="offsets a slice covers at most")
    seal_after: Duration = Field(
        10.0, gt=0, description="seconds a record waits in an idle partition before its slice is ended"
    )
    forget_within: Duration = Field(
        30 * _DAYS, gt=0, description="seconds from a deletion to its deadline, where the event names none"
    )
    update_within: Duration = Field(30 * _DAYS, gt=0, description="seconds from an update to its deadline")
    withdraw: Literal["auto", "always", "never"] = Field(
        "auto",
        description="whether a shard that holds a deleted record is withdrawn while it retrains; "
        "auto: where that takes longer than publish_wait",
    )
    window: Duration = Field(0.5, description="seconds to gather deletions before retraining; 0: none")
    publish_wait: Duration = Field(
        0.3, description="seconds from a deletion that publishing waits for a retrained shard; 0: never"
    )
    publish_every: Duration = Field(0.2, description="seconds between a partition's manifests, at least")
    max_stale: Duration = Field(
        60.0, gt=0, description="seconds a shard may be dirty before its best valid prefix is published"
    )
    stall_after: Duration = Field(
        600.0, gt=0, description="seconds without a finished slice after which training counts as crashed"
    )
    heartbeat_every: Duration = Field(5.0, gt=0, description="seconds between a partition's heartbeats")
    lease: Duration = Field(20.0, gt=0, description="seconds a scorer serves a partition without a new heartbeat")
    quorum: float = Field(
        1.0, ge=0, le=1, description="share of the partitions that a scorer must serve to answer at all; 0: any one"
    )
    checkpoints: int = Field(8, ge=1, le=1000, description="checkpoints kept for each shard at most")
    checkpoint_bytes: int | None = Field(
        None, ge=1, description="bytes of checkpoints kept for each shard at most, instead of a number; unset: any"
    )
    checkpoint_policy: Literal["ages", "equal"] = Field(
        "ages",
        description="which checkpoints are kept; ages: where past deletions show that they pay most; "
        "equal: at equal steps",
    )
    trainers: int = Field(1, ge=0, le=1024, description="training processes; 0: train in the worker")
    ingest: Literal["fast", "plain"] = Field(
        "fast",
        description="how inserts are read; fast: the usual ones of new records by columns; "
        "plain: each by itself, as the others are. Both give the same",
    )
    id_memory: int = Field(
        32 * 2**20,
        ge=1024,
        description="bytes in which a partition's owner remembers the ids that it knows, at most; with 5 a record "
        "Redis is hardly asked about new ones",
    )
    subject_memory: int = Field(
        32 * 2**20,
        ge=0,
        description="bytes in which a partition's owner remembers which slices may hold a subject's rows, at most; "
        "with 2 a record a subject's deletion reads hardly any slice that holds none",
    )
    batch_records: int = Field(2000, ge=1, le=10_000, description="records applied at once at most")
    http: str | None = Field(
        None,
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$",
        description="HOST:PORT at which a worker answers /metrics, /livez and /readyz; unset: nowhere",
    )
    http_hosts: HostNames = Field(
        (),
        description="host names of a worker, a JSON list, as Prometheus may ask by them: there it answers to these, to "
        "its host in `http`, to localhost and to addresses, and to no other name",
    )
    stuck_after: Duration = Field(
        300.0,
        gt=0,
        description="seconds without a move after which a worker's loop, or a partition with something to do, counts "
        "as stuck: /livez says so, and all stacks go to the log",
    )
    drain_within: Duration = Field(30.0, gt=0, description="seconds from SIGTERM to the end at most")
    tail_every: Duration = Field(
        60.0, gt=0, description="seconds between copies of the open slice's rows in the store, at most"
    )
    erase_after: Duration = Field(
        3600.0, description="seconds a dead row stays in a slice file once nothing needs it, at most"
    )
    keep_receipts: Duration = Field(
        730 * _DAYS, gt=0, description="seconds the receipts topic keeps a receipt, at least: two years unless set"
    )
    keep_history: Duration = Field(
        730 * _DAYS,
        gt=0,
        description="seconds the history topic keeps what a version held, at least: two years unless set",
    )
    garbage_grace: Duration = Field(600.0, description="seconds a file stays after the last use of it")
    aof_rewrite_every: Duration = Field(
        3600.0,
        ge=0,
        description="seconds between rewrites of Redis' append-only file, at least, "
        "so that what was erased leaves it too; 0: never",
    )
    services_dir: Path = Field(
        default_factory=default_services_dir,
        description="folder of the local services' data and logs; unset: ~/.local/state/unlearn, or "
        "that of XDG_STATE_HOME, or .services where the current folder has one from before",
    )
    kafka: KafkaSettings = Field(KafkaSettings(), validate_default=True)
    redis: RedisSettings = RedisSettings()
    store: StoreSettings = Field(default_factory=_store_beside_services)
    topics: TopicSettings = TopicSettings()
    gateway: GatewaySettings = GatewaySettings()
    serving: ServingSettings = ServingSettings()
    console: ConsoleSettings = ConsoleSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) < 2 or len(set(classes)) != len(classes):
            raise ValueError("needs two or more different labels")
        if not all(1 <= len(label) <= 256 for label in classes):
            raise ValueError("a label has 1 to 256 characters")
        return classes

    @field_validator("kafka")
    @classmethod
    def _clients_are_named(cls, kafka: KafkaSettings, info: ValidationInfo) -> KafkaSettings:
        if kafka.client_id is not None or "model" not in info.data:
            return kafka
        return kafka.model_copy(update={"client_id": f"unlearn-{info.data['model']}"})

    @field_validator("secret")
    @classmethod
    def _secret_is_long(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value().encode()) < 16:
            raise ValueError("is shorter than 16 bytes")
        return secret

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> Self:
        if self.lease <= self.heartbeat_every:
            raise ValueError("lease must be longer than heartbeat_every")
        return self

    @model_validator(mode="after")
    def _keys_name_something(self) -> Self:
        if self.tombstones == "delete" and not self.reading.mapping.tombstone.named():
            raise ValueError(
                "UNLEARN_TOMBSTONES=delete needs a mapping that says what a key names: in its TOML file, "
                'tombstone = {subject_id = "key"}, or {record_id = "key"}'
            )
        return self

    @field_validator("schema_registry")
    @classmethod
    def _is_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", url.get_secret_value()) is None:
            raise ValueError("not a URL such as https://user:password@host:8081")
        return url

    @model_validator(mode="after")
    def _avro_can_be_read(self) -> Self:
        if not self.reading.mapping.avro:
            return self
        if self.schema_registry is None:
            raise ValueError("avro = true in the mapping needs UNLEARN_SCHEMA_REGISTRY, the URL of the schema registry")
        if missing("avro") is not None:
            raise ValueError("avro = true in the mapping needs the [avro] extra: pip install 'unlearn-stream[avro]'")
        return self

    @property
    def reading(self) -> Reading:
        """How the events topic is read."""
        mapping = self.mapping or PLAIN
        tombstones: Tombstones = self.tombstones or ("ignore" if mapping == EARLIER else "refuse")
        registry = self.schema_registry.get_secret_value() if self.schema_registry is not None else None
        return Reading(mapping, tombstones, registry)

    @property
    def reads_columns(self) -> bool:
        """Whether usual inserts are told by columns. Messages of other forms are read one by one."""
        return self.ingest == "fast" and not self.reading.mapping.forms

    @property
    def secret_bytes(self) -> bytes:
        """The key of every digest. Never to be shown."""
        return self.secret.get_secret_value().encode()

    def named(self, part: str) -> Self:
        """The settings with which Kafka and Redis know by name what part of the model connects, such as `work`, unless
        `client_id` and `client_name` give other names."""
        usual, name = f"unlearn-{self.model}", f"unlearn-{self.model}-{part}"
        kafka = self.kafka.model_copy(update={"client_id": name}) if self.kafka.client_id == usual else self.kafka
        redis = self.redis if self.redis.client_name else self.redis.model_copy(update={"client_name": name})
        return self.model_copy(update={"kafka": kafka, "redis": redis})

    @property
    def group_id(self) -> str:
        return self.kafka.group_id or f"unlearn-{self.model}"

    @property
    def events_topic(self) -> str:
        return self.topics.events or f"{self.model}.events"

    @property
    def results_topic(self) -> str:
        return self.topics.results or f"{self.model}.results"

    @property
    def receipts_topic(self) -> str:
        return self.topics.receipts or f"{self.model}.receipts"

    @property
    def dead_letters_topic(self) -> str:
        return self.topics.dead_letters or f"{self.model}.dead-letters"

    @property
    def history_topic(self) -> str:
        return self.topics.history or f"{self.model}.history"


def load_settings(config: Path | None = None, *, demo: bool = False) -> Settings:
    """The settings in force, from the environment and the TOML file `config`.

    In the demo a missing secret is replaced by a public one. Raises SettingsError.
    """
    from unlearn.settings_sources import load

    return load(config, demo=demo).settings
