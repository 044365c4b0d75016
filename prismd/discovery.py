"""Ask providers which models they have, where the configuration does not say.

A vendor in the cloud is asked until it has answered once; a server on this machine again each
minute, because its models come and go. What is listed in the configuration always stays.
"""

import asyncio
import logging

from prismd.gateway import Gateway
from prismd.kernel.errors import UpstreamError
from prismd.routing.catalog import Provider

log = logging.getLogger("prism.discovery")

PERIOD_S = 60.0


async def discover_for_ever(gateway: Gateway) -> None:
    """Ask all that are to be asked, now and each minute; failures are logged once per change."""
    silent: dict[str, str] = {}
    answered: set[tuple[str, str | None]] = set()
    while True:
        for provider in gateway.snapshot.catalog.providers.values():
            is_known = (provider.id, provider.base_url) in answered
            if not _is_asked(gateway, provider) or (is_known and not provider.is_local):
                continue
            try:
                found = await provider.upstream.list_models()
            except UpstreamError as error:
                if silent.get(provider.id) != error.message:
                    log.warning("models of %s are not known: %s", provider.id, error.message)
                silent[provider.id] = error.message
                continue
            silent.pop(provider.id, None)
            section = gateway.snapshot.config.providers.get(provider.id)
            listed = (section.models if section else None) or ()
            if gateway.put_models(provider, tuple(dict.fromkeys((*listed, *found)))):
                answered.add((provider.id, provider.base_url))
        await asyncio.sleep(PERIOD_S)


def _is_asked(gateway: Gateway, provider: Provider) -> bool:
    section = gateway.snapshot.config.providers.get(provider.id)
    if section is None or provider.base_url is None:
        return False
    if section.auto_discover is None:
        return section.models is None
    return section.auto_discover
