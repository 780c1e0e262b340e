"""A producer of a log in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from unlearn.errors import LogUnavailable, UnlearnError
from unlearn.log.joined import all_of
from unlearn.log.memory.topics import Topics
from unlearn.log.protocol import Header, Message

__all__ = ["MemoryProducer"]


class MemoryProducer:
    """A producer of a MemoryLog: each send is answered at once."""

    def __init__(self, log: Topics) -> None:
        self._log = log
        self._failed: UnlearnError | None = None
        self._closed = False

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> Future[int]:
        answer: Future[int] = Future()
        try:
            if self._closed:
                raise LogUnavailable("the producer is closed")
            answer.set_result(self._log.append(topic, partition, key, value, headers))
        except UnlearnError as error:
            self._failed = self._failed or error
            answer.set_exception(error)
        return answer

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        each = headers or [()] * len(messages)
        return all_of([self.send(topic, partition, *one, of) for one, of in zip(messages, each, strict=True)])

    def flush(self, timeout: float) -> None:
        failed, self._failed = self._failed, None
        if failed:
            raise failed

    def close(self) -> None:
        self._closed = True
