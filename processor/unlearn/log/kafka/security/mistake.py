"""What is found to be wrong."""

from __future__ import annotations

__all__ = ["Mistake"]


class Mistake(Exception):
    """The text continues "Kafka can't be reached: ...". `final`: waiting can't help; `denied`: rights or a login are
    the trouble."""

    def __init__(self, what: str, *, final: bool = True, denied: bool = False) -> None:
        super().__init__(what)
        self.final = final
        self.denied = denied
