import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from prismd import discovery
from prismd.discovery import discover_for_ever
from prismd.gateway import Gateway
from prismd.providers.base import ProviderSpec, Upstream
from prismd.routing.catalog import Catalog, Provider
from tests.in_process import running_gateway

SPEC = ProviderSpec(type="openai", title="x", docs_url="x", base_url=None)


class Listing:
    """A vendor (the port ``Upstream``) that only lists its models, or fails to."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def list_models(self) -> list[str]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def provider(name: str, listing: Listing, *, url: str = "http://h/v1") -> Provider:
    upstream: Upstream = listing  # type: ignore[assignment]
    return Provider(name, SPEC, url, upstream, None, is_local=False, is_asked=True)


def put(gateway: Gateway, *providers: Provider) -> None:
    gateway.swap(replace(gateway.snapshot, catalog=Catalog(providers, {})))


async def until_asked(listing: Listing, times: int) -> None:
    async with asyncio.timeout(5):
        while listing.asked < times:
            await asyncio.sleep(0)


async def test_a_fault_of_one_provider_stops_neither_the_others_nor_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(discovery, "PERIOD_S", 0)
    fault = RuntimeError("not foreseen")
    odd, even = Listing(fault, fault, ["late"]), Listing(["m"])
    async with running_gateway(tmp_path) as gateway:
        put(gateway, provider("odd", odd), provider("even", even))
        with caplog.at_level(logging.WARNING):
            gateway.tasks.spawn(discover_for_ever(gateway), name="discover")
            await until_asked(odd, 3)
        assert gateway.snapshot.catalog.names() == ["late", "m"]
        assert even.asked == 1
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "models of odd are not known: RuntimeError" in record.getMessage()


async def test_models_are_put_to_the_provider_of_the_same_id_and_address(tmp_path: Path) -> None:
    async with running_gateway(tmp_path) as gateway:
        asked = provider("a", Listing([]))
        put(gateway, provider("a", Listing([])))  # a reload: another object, the same provider
        assert gateway.put_models(asked, ("m",))
        assert gateway.snapshot.catalog.names() == ["m"]
        put(gateway, provider("a", Listing([]), url="http://other/v1"))
        assert not gateway.put_models(asked, ("m",))
        put(gateway, provider("b", Listing([])))
        assert not gateway.put_models(asked, ("m",))
        assert gateway.snapshot.catalog.names() == []
