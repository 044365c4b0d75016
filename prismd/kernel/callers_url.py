"""A URL that a caller gave, taken apart once: what is checked is what is asked for. Pure.

There is one reading of it. What two parsers could read differently (control characters, a user,
brackets that hold no address) is refused, not repaired; only a name or path in another script is
written as it goes over the wire.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Self
from urllib.parse import quote, urlsplit

MAX_CHARS = 8_192

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_AS_THEY_ARE = "!$%&'()*+,/:;=?@~"
_DEFAULT_PORTS = {"https": 443, "http": 80}


class BadUrl(ValueError):
    """It is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class CallersUrl:
    """Where something is said to be."""

    text: str
    scheme: str
    host: str
    """Lower case, ASCII, without a dot at its end; an IPv6 address without brackets."""
    port: int
    target: str
    """Path and query."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Take a URL apart; raises BadUrl."""
        if len(text) > MAX_CHARS or not text.isprintable() or " " in text or "\\" in text:
            raise BadUrl("it is no URL")
        try:
            parts = urlsplit(text)
            port, name = parts.port, (parts.hostname or "").removesuffix(".")
            host = name if name.isascii() else name.encode("idna").decode("ascii")
        except (ValueError, UnicodeError):
            raise BadUrl("it is no URL") from None
        if "@" in parts.netloc:
            raise BadUrl("it has a user")
        scheme, host = parts.scheme, host.lower()
        if scheme not in _DEFAULT_PORTS:
            raise BadUrl("only https URLs are")
        if not (_is_ipv6(host) if "[" in parts.netloc else _HOST.fullmatch(host)):
            raise BadUrl("its host can be none")
        query = f"?{parts.query}" if parts.query else ""
        target = quote((parts.path or "/") + query, safe=_AS_THEY_ARE)
        return cls(text, scheme, host, _DEFAULT_PORTS[scheme] if port is None else port, target)

    def at(self, address: str) -> str:
        """Return the URL of the same at an address of the host."""
        return f"{self.scheme}://{_bracketed(address)}:{self.port}{self.target}"

    @property
    def host_header(self) -> str:
        """The host as a request names it."""
        shown = _bracketed(self.host)
        return shown if self.port == _DEFAULT_PORTS[self.scheme] else f"{shown}:{self.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_ipv6(text: str) -> bool:
    try:
        return "%" not in text and IPv6Address(text) is not None
    except ValueError:
        return False
