"""Where the world reaches a gateway: as far as it can be known without being told."""

from __future__ import annotations

from unlearn.environment.redis_url import is_loopback
from unlearn.service_settings.gateway import GatewaySettings

__all__ = ["public_url"]

_HTTPS = 443


def public_url(settings: GatewaySettings, domain: str, port: int) -> str:
    """The URL below which its routes are, without a slash at its end. `port` is where it listens.

    Unless the settings say it: with TLS it is reached where it listens, and so without where its domain is this
    machine. Otherwise a proxy that speaks TLS must stand before it, which has the domain's usual port.
    """
    if settings.url is not None:
        return settings.url.rstrip("/")
    if settings.tls_certificate is not None:
        return f"https://{domain}" if port == _HTTPS else f"https://{domain}:{port}"
    return f"http://{domain}:{port}" if is_loopback(domain) else f"https://{domain}"
