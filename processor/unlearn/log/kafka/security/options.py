"""What every client of Kafka's is made with."""

from __future__ import annotations

from typing import Any

from unlearn.service_settings.kafka import KafkaSettings

__all__ = ["client_options"]


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The connection's keyword arguments, with the provider of tokens where these are the login."""
    options = settings.client_options()
    if options.get("sasl_mechanism") == "OAUTHBEARER":
        from unlearn.log.kafka.security.tokens import token_provider

        options["sasl_oauth_token_provider"] = token_provider(settings)
    return options
