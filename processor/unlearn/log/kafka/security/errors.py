"""Why there is no token. They are the client's kinds of errors, so that it gives up and comes again as for its own."""

from __future__ import annotations

import kafka.errors as kafka_errors

__all__ = ["TokenRefused", "TokenUnavailable"]


class TokenRefused(kafka_errors.SaslAuthenticationFailedError):  # type: ignore[misc]
    """A setting, or whoever gives tokens, must be changed. The text is a sentence, and holds no secret."""

    def __str__(self) -> str:
        return str(self.args[0])


class TokenUnavailable(kafka_errors.KafkaConnectionError):  # type: ignore[misc]
    """Whoever gives tokens doesn't answer now. The text is a sentence."""

    def __str__(self) -> str:
        return str(self.args[0])
