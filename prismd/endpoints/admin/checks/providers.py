"""The providers: how real calls fare, how safe the way is, and on request whether keys are good."""

import asyncio
from collections.abc import Iterator

from prismd.endpoints.admin.checks.check import Check, failed, naming, ok, warning
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import UpstreamError
from prismd.routing.catalog import Provider

PROBE_S = 15.0
_REFUSED = "provider_auth_failed"


def health(gateway: Gateway) -> Iterator[Check]:
    """Look at what real calls of the last minutes have seen."""
    now_s, names = clock.monotonic_s(), gateway.snapshot.catalog.providers
    failing = [name for name in names if gateway.health.of(name, now_s).state == "failing"]
    if not names:
        told = "no provider is configured: no call can be served"
        yield warning("providers", told, "write one under 'providers:' in prism.yaml")
    elif failing:
        yield failed("providers", f"failing: {naming(failing)}", "prismctl providers health")
    else:
        yield ok("providers", f"{len(names)} configured, none failing")


def ways(gateway: Gateway) -> Iterator[Check]:
    """Look for providers that are reached in the clear, or whoever they are."""
    sections = gateway.snapshot.config.providers
    unchecked = [name for name, section in sections.items() if section.skip_tls]
    clear = [
        provider.id
        for provider in gateway.snapshot.catalog.providers.values()
        if not provider.is_local and (provider.base_url or "").startswith("http:")
    ]
    if unchecked:
        told = f"any certificate is taken of: {naming(unchecked)}"
        fix = f"set providers.{unchecked[0]}.ca_file in place of skip_tls"
        yield warning("provider_tls", told, fix)
    elif clear:
        told = f"prompts and keys go in the clear to: {naming(clear)}"
        yield warning("provider_tls", told, f"give providers.{clear[0]}.base_url an https URL")
    else:
        yield ok("provider_tls", "every way to a provider is local, or encrypted and checked")


async def probes(gateway: Gateway) -> list[Check]:
    """Ask each provider for its models, which costs nothing: is its key good?"""
    providers = gateway.snapshot.catalog.providers.values()
    return list(await asyncio.gather(*(_probe(provider) for provider in providers)))


async def _probe(provider: Provider) -> Check:
    check_id = f"probe:{provider.id}"
    began_s = clock.monotonic_s()
    try:
        async with asyncio.timeout(PROBE_S):
            models = await provider.upstream.list_models()
    except TimeoutError:
        fix = f"look at the way there: prismctl providers health; providers.{provider.id}.base_url"
        return failed(check_id, f"no list of models within {PROBE_S:g} s", fix)
    except UpstreamError as error:
        if error.code == _REFUSED:
            fix = f"put a valid key where providers.{provider.id}.api_key refers to, then: "
            return failed(check_id, error.message, f"{fix}prismctl config reload")
        if error.upstream_status is not None:  # not every server lists its models
            told = f"it answers, but not with its models: {error.message}"
            return warning(check_id, told, f"list them in providers.{provider.id}.models")
        fix = f"look at providers.{provider.id}.base_url, and at the network from this machine"
        return failed(check_id, error.message, fix)
    ms = (clock.monotonic_s() - began_s) * 1000
    return ok(check_id, f"it knows our key and has {len(models)} models ({ms:.0f} ms)")
