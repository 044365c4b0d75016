"""200 random corruptions of a database with money in it: refused, or named, or of no consequence.

Never is a damaged database replaced by a new one, and a refused one is left as it was.
"""

import asyncio
import random
from pathlib import Path

import pytest

from prismd.kernel.errors import StorageRefused
from prismd.store.verify import verify
from tests.in_process import client_of, running_gateway

MUTATIONS = 200


async def use(folder: Path) -> None:
    """Live for a while: keys, budgets, calls of all kinds, a stream that is still open."""
    async with running_gateway(folder) as gateway:
        token = gateway.snapshot.admin_token.decode()
        async with client_of(gateway, token) as admin:
            for number in range(12):
                body = {"name": f"n{number}", "credits": 5, "budgets": [{"limit": 3}]}
                made = (await admin.post("/-/keys", json=body)).json()
                async with client_of(gateway, made["key"]) as caller:
                    for is_stream in (False, True) * 3:
                        call = {
                            "model": "fake/lorem",
                            "stream": is_stream,
                            "max_tokens": 30,
                            "messages": [{"role": "user", "content": f"Tell me {number}"}],
                        }
                        answer = await caller.post("/v1/chat/completions", json=call)
                        assert answer.status_code == 200


async def verdict(folder: Path) -> str:
    """Open the gateway of a folder as the daemon does; say what became of it."""
    try:
        async with running_gateway(folder) as gateway:
            report = await asyncio.to_thread(verify, gateway.data_dir.state_db, gateway.audit)
    except StorageRefused as refused:
        return "refused" if "\n" not in str(refused) else "not told in one line"
    return "sound" if report.is_sound else "named"


@pytest.mark.timeout(240)
async def test_a_damaged_ledger_is_refused_or_named_or_as_good_as_sound(tmp_path: Path) -> None:
    await use(tmp_path)
    state = tmp_path / "data" / "state.db"
    sound = state.read_bytes()
    assert await verdict(tmp_path) == "sound"
    chance, seen = random.Random(5), dict.fromkeys(("refused", "named", "sound"), 0)
    for _ in range(MUTATIONS):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 1, 1, 16))):
            damaged[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.1:
            del damaged[chance.randrange(len(damaged)) :]
        state.write_bytes(damaged)
        found = await verdict(tmp_path)
        seen[found] += 1
        if found == "refused":
            assert state.read_bytes() == damaged
        for side in ("-wal", "-shm"):
            state.with_name(f"state.db{side}").unlink(missing_ok=True)
    assert seen["refused"] > 20
    assert seen["named"] > 20
    assert sum(seen.values()) == MUTATIONS, seen
