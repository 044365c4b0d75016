"""Where a vendor is: base URLs as operators write them, and what is made of their hosts."""

from urllib.parse import SplitResult, urlsplit

from prismd.providers.base import ProviderSpec


def resolve_base_url(spec: ProviderSpec, given: str | None) -> str:
    """Return the base URL to use, without a slash at its end.

    The vendor's own is taken as it is. What the operator gives gets the usual path if it has none.

    Raises:
        ValueError: none is known, or the given one is no plain http(s) URL.
    """
    if given is None or given == spec.base_url:
        if spec.base_url is None:
            msg = f"type '{spec.type}' needs a base_url, for example http://127.0.0.1:8000/v1"
            raise ValueError(msg)
        return spec.base_url.rstrip("/")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = "base_url must be an http:// or https:// URL, for example https://host/v1"
        raise ValueError(msg)
    if parts.query or parts.fragment or parts.username is not None:
        msg = "base_url must not hold a user, a query or a fragment; give the key as api_key"
        raise ValueError(msg)
    path = parts.path.rstrip("/") or spec.base_path
    try:
        host_header(parts)
    except ValueError:
        msg = "base_url has a host or a port that cannot be"
        raise ValueError(msg) from None
    return f"{parts.scheme}://{parts.netloc}{path}"


def ascii_name(host: str) -> str:
    """Return a host name as DNS knows it."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def host_header(parts: SplitResult) -> str:
    """Return what the Host header says."""
    host = ascii_name(parts.hostname or "")
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"
