"""What can be used from here without being told: the text of a first ``prism.yaml``.

The fake vendor is always there; a cloud vendor is added when its usual key variable is set; a local
server when it answers on its usual loopback port. The values of variables are never written down.
"""

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus

from prismd.kernel.outbound import Outbound
from prismd.kernel.outbound_error import OutboundError
from prismd.kernel.secret import KEY_PREFIX
from prismd.providers.base import AuthKind, ProviderSpec
from prismd.providers.listing import read_page
from prismd.providers.registry import ALL

PROBE_TIMEOUT_S = 0.3
"""For all local probes together: they run at once."""

_BASE_URL_ENV = {"openai": "OPENAI_BASE_URL"}
"""Where the SDKs look for another base URL; a key beside it is not for the vendor's own URL."""

_HEAD = """\
# Written by `prismd detect`. Keys stay in the environment: only the names of variables are here.
providers:
  fake: # built in: deterministic answers, no account
    type: fake
"""


async def detect(
    env: Mapping[str, str], *, probe_local: bool = True, skip_ports: Collection[int] = ()
) -> str:
    """Look around and return a config as YAML text.

    Args:
        env: The environment in which keys are looked for.
        probe_local: Whether to ask the usual loopback ports, 300 ms in total.
        skip_ports: Ports that are not asked: those of this gateway.
    """
    local = await _answering(skip_ports) if probe_local else []
    blocks = [_HEAD]
    blocks += [block for spec in ALL if (block := _from_env(spec, env))]
    blocks += [
        f"  {spec.type}: # answers on port {spec.local_port}\n"
        f"    type: {spec.type}\n"
        f"    base_url: {spec.base_url}\n"
        for spec in local
    ]
    return "".join(blocks)


def _from_env(spec: ProviderSpec, env: Mapping[str, str]) -> str:
    name = next((name for name in spec.api_key_env if env.get(name)), None)
    if name is None:
        return ""
    if env[name].startswith(KEY_PREFIX):
        return f"  # {spec.type}: {name} holds a key of Prism itself, so it is not a provider\n"
    block = [f"{spec.type}: # {name} is set", f"  type: {spec.type}", f"  api_key: env:{name}"]
    given = env.get(_BASE_URL_ENV.get(spec.type, ""))
    if given:
        block.append(f"  base_url: {json.dumps(given)}")
    if gaps := list(_gaps(spec, has_url=bool(given))):
        # Usable only once the operator has filled these in: shown, but not in force.
        return "".join(f"  # {line}\n" for line in [*block, *gaps])
    return "".join(f"  {line}\n" for line in block)


def _gaps(spec: ProviderSpec, *, has_url: bool) -> Iterator[str]:
    """Yield the settings that only the operator knows."""
    if spec.base_url is None and not has_url:
        yield "  base_url: https://…"
    if spec.auth is AuthKind.AWS:
        yield "  aws_region: …"
    if spec.listing is None:
        yield "  models: […]"


async def _answering(skip_ports: Collection[int]) -> list[ProviderSpec]:
    outbound = Outbound()
    try:
        specs = list(_probed(skip_ports))
        answers = await asyncio.gather(*(_answers(outbound, spec) for spec in specs))
    finally:
        await outbound.aclose()
    return [spec for spec, answered in zip(specs, answers, strict=True) if answered]


def _probed(skip_ports: Collection[int]) -> Iterator[ProviderSpec]:
    for spec in ALL:
        if spec.local_port is not None and spec.local_port not in skip_ports:
            yield spec


async def _answers(outbound: Outbound, spec: ProviderSpec) -> bool:
    """Say whether a vendor (and not another Prism) lists models at its usual address."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            response = await outbound.open(
                "GET", f"{spec.base_url}/models", timeout_s=PROBE_TIMEOUT_S
            )
            try:
                if response.status != HTTPStatus.OK or _is_prism(response.headers):
                    return False
                return read_page(await response.read()) is not None
            finally:
                await response.aclose()
    except (OutboundError, TimeoutError):
        return False


def _is_prism(headers: Mapping[str, str]) -> bool:
    return headers.get("server", "").startswith("prism") or any(
        name.startswith("x-prism-") for name in headers
    )
