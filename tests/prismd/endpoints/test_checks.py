"""Checks whose bad state takes long to come about: made here, in a gateway of the test's own."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from prismd.endpoints.admin import doctor
from prismd.endpoints.admin.checks import money, process, settings, storage
from prismd.endpoints.admin.checks.check import Check
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.store import ledger
from prismd.store.db import Tx
from prismd.wire.ledger import Hold, spend_account
from prismd.wire.usage import OpenCall
from tests.in_process import client_of, running_gateway

DAY_S = 86_400


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("bound", "value", "look"),
    [
        ("storage.FREE_BYTES", 1 << 60, storage.files),
        ("storage.LOG_BYTES", -1, storage.files),
        ("storage.MANY_WRITES", 0, storage.queue),
        ("process.MANY", 0, process.open_files),
        ("process.MANY", 0, process.viewers),
    ],
    ids=["disk", "wal", "queue", "descriptors", "viewers"],
)
async def test_what_is_nearly_used_up(
    gateway: Gateway,
    request: pytest.FixtureRequest,
    bound: str,
    value: int,
    look: doctor.Look,
) -> None:
    check_id = request.node.callspec.id
    before = {check.id: check.state for check in look(gateway)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(f"prismd.endpoints.admin.checks.{bound}", value)
        after = {check.id: check.state for check in look(gateway)}
    assert (before[check_id], after[check_id]) == ("ok", "warning")
    assert all(state == "ok" for other, state in after.items() if other != check_id)


async def test_more_calls_than_can_be_handled(gateway: Gateway) -> None:
    gateway.load.share = 0.4
    found = {check.id: check for check in storage.queue(gateway)}
    assert found["load"].state == "warning"
    assert "40%" in found["load"].message


async def test_a_gateway_that_stops_is_not_ready(gateway: Gateway) -> None:
    gateway.is_draining = True
    assert next(storage.ready(gateway)).state == "failed"


async def test_a_clock_that_is_behind_what_it_has_written(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await storage.the_clock(gateway)).state == "ok"
    async with client_of(gateway, gateway.snapshot.admin_token.decode()) as client:
        (await client.post("/-/keys", json={"name": "k"})).raise_for_status()
    assert (await storage.the_clock(gateway)).state == "ok"
    before_s = clock.wall_s() - 3_600
    monkeypatch.setattr(clock, "wall_s", lambda: before_s)
    found = await storage.the_clock(gateway)
    assert found.state == "failed"
    assert "3600 s behind" in found.message or "3599 s behind" in found.message


async def test_backups_grow_old(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(gateway, gateway.snapshot.admin_token.decode()) as client:
        (await client.post("/-/backups")).raise_for_status()
    assert [check.state for check in storage.backups(gateway)] == ["ok"]
    later_s = clock.wall_s() + 8 * DAY_S
    monkeypatch.setattr(clock, "wall_s", lambda: later_s)
    [found] = storage.backups(gateway)
    assert (found.state, found.message) == ("warning", "the newest backup is 8 days old")


async def test_a_hold_that_nobody_ends(gateway: Gateway) -> None:
    async with client_of(gateway, gateway.snapshot.admin_token.decode()) as client:
        key_id = (await client.post("/-/keys", json={"name": "k"})).json()["id"]
    now_s = clock.wall_s()
    hold = Hold(
        request_id="req_lost",
        key_id=key_id,
        account=spend_account(key_id),
        amount_nano_usd=5,
        windows=(),
        created_at_s=now_s - 9_000,
        expires_at_s=now_s - 5_000,
    )
    call = OpenCall(
        owner=None,
        org_id=None,
        op="chat",
        model="m",
        provider="fake",
        upstream_model="m",
        is_stream=True,
        input_tokens=1,
        price=None,
    )

    def write(tx: Tx) -> None:
        ledger.hold(tx, hold, call)

    assert (await money.holds(gateway)).state == "ok"
    await gateway.stores.state.write(write)
    found = await money.holds(gateway)
    assert (found.state, "req_lost" in found.message) == ("warning", True)
    assert (await money.balance(gateway)).state == "ok"


async def test_books_that_this_process_does_not_trust(gateway: Gateway) -> None:
    gateway.reserve.faulty_keys.add("key_1")
    [found] = money.settled(gateway)
    assert (found.state, found.fix) == ("failed", "prismctl ledger verify")


async def test_a_file_that_is_not_in_force(gateway: Gateway) -> None:
    assert [check.state for check in settings.drift(gateway)] == ["ok"]
    loaded = gateway.read_config()
    gateway.read_config = lambda text=None: replace(loaded, hash=text or "another")
    [found] = settings.drift(gateway)
    assert found.state == "warning"
    gateway.needs_restart = ["server.port"]
    assert [check.state for check in settings.in_force(gateway)] == ["warning"]


async def test_packages_of_other_versions(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [check.state for check in process.dependencies(gateway)] == ["ok"]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: {"msgspec": "0.1"}.get(name, real(name)))
    [found] = process.dependencies(gateway)
    assert found.state == "warning"
    assert "msgspec 0.1 is not" in found.message

    def missing(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", missing)
    assert [check.state for check in process.dependencies(gateway)] == ["ok"]


@pytest.mark.parametrize(
    ("version", "bounds", "is_in"),
    [
        ("0.21.1", ">=0.21,<0.23", True),
        ("0.23.0", ">=0.21,<0.23", False),
        ("0.9", ">=0.21,<0.23", False),
        ("10.0", ">=9", True),
        ("2.0.0rc1", "<2.0", False),
        ("1.33.0", "==1.33.0", True),
        ("1.33", "==1.33.0", True),
        ("5", "", True),
    ],
)
def test_versions_and_their_bounds(version: str, bounds: str, is_in: bool) -> None:
    assert process.is_within(version, bounds) is is_in


async def test_a_check_that_fails_itself_is_told_and_hides_no_other(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Gateway) -> Iterator[Check]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(doctor, "BLOCKING", (broken, storage.files))
    async with client_of(gateway, gateway.snapshot.admin_token.decode()) as client:
        answer = (await client.get("/-/doctor")).json()
    found = {check["id"]: check["state"] for check in answer["checks"]}
    assert (answer["is_well"], found["broken"], found["files"]) == (False, "failed", "ok")
