"""What may be shown of a configuration, and the hash under which it is known."""

import hashlib
import json
from urllib.parse import urlsplit

from pydantic import JsonValue

from prismd.config.model import Config

MASK = "***"


def public_view(config: Config) -> dict[str, JsonValue]:
    """Return the configuration as JSON-ready data without any secret value.

    References are shown as written. Literal header values and user names in URLs are masked: they
    should hold no secret, but nothing makes sure of that. Times are seconds, sizes bytes, prices
    text.
    """
    view = config.model_dump(mode="json")
    for provider_id, provider in config.providers.items():
        shown = view["providers"][provider_id]
        shown["headers"] = {
            name: MASK if isinstance(value, str) else str(value)
            for name, value in provider.headers.items()
        }
        shown["base_url"] = provider.base_url and _without_user(provider.base_url)
    return view


def config_hash(config: Config) -> str:
    """Return the hash (hex) of what a configuration says.

    The order of names does not matter, except that of the providers: they are tried in it. Secrets
    count as references: another value behind the same reference gives the same hash.
    """
    said = config.model_dump(mode="json")
    said["providers"] = list(said["providers"].items())
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _without_user(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if "@" not in parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{MASK}@{host}").geturl()
