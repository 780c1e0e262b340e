"""By which names a server may be asked for.

A page of another site can have that site's name lead to this server (DNS rebinding). Its browser then takes both for
one site, and lets the page read all that is answered without a token. Such requests bear the other site's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from unlearn.errors import HttpRefused

__all__ = ["Hosts"]

_HOST = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(:\d*)?")
_LONGEST = 100


class Hosts:
    """The names of a server: where it listens, those that it is given, and `localhost`. Any address is one, too: nobody
    can have an address lead elsewhere. `setting` is the variable that gives names."""

    def __init__(self, listens_on: str, given: Iterable[str], setting: str) -> None:
        self._given = frozenset(map(_plain, given))
        self._names = self._given | {_plain(listens_on), "localhost"}
        self._setting = setting

    def require_known(self, host: str | None) -> None:
        """Raises HttpRefused unless the `Host` header is one of them. No browser leaves it out."""
        if host and not self._is_known(host):
            raise HttpRefused(421, f"{_shown(host)} is no name of this server: {self._setting} lists those that are")

    def require_same_site(self, origin: str | None, host: str | None) -> None:
        """Raises HttpRefused where a browser says that a page of another site has sent the request.

        A proxy may ask by another name than the page has, so a name that was given counts too. Where the server listens
        doesn't: on other ports there, others have pages.
        """
        if origin is None:
            return
        site = origin.partition("://")[2].lower()
        if not site or (site != (host or "").lower() and _name_of(site) not in self._given):
            where = f"where that is this server, {self._setting} lists its name"
            raise HttpRefused(403, f"a page of {_shown(origin)} has sent this; {where}")

    def _is_known(self, host: str) -> bool:
        name = _name_of(host)
        return name in self._names or _is_address(name)


def _name_of(host: str) -> str:
    """The host in HOST or HOST:PORT, in small letters; empty where that isn't what it is."""
    match = _HOST.fullmatch(host)
    return "" if match is None else _plain(match["six"] or match["name"])


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text[:_LONGEST])
