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
    problems: dict[str, str] = {}
    while True:
        for provider in gateway.snapshot.catalog.providers.values():
            if provider.is_asked and (provider.discovered is None or provider.is_local):
                await _ask(gateway, provider, problems)
        await asyncio.sleep(PERIOD_S)


async def _ask(gateway: Gateway, provider: Provider, problems: dict[str, str]) -> None:
    """Put a provider's models in force; ``problems`` is what was said last of each provider."""
    try:
        gateway.put_models(provider, tuple(await provider.upstream.list_models()))
    except UpstreamError as error:
        problem, fault = error.message, None
    except Exception as error:  # noqa: BLE001  # one provider's fault must not stop the others
        problem, fault = type(error).__name__, error
    else:
        problems.pop(provider.id, None)
        return
    if problems.get(provider.id) != problem:
        log.warning("models of %s are not known: %s", provider.id, problem, exc_info=fault)
    problems[provider.id] = problem
