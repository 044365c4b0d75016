"""``/-/backups``: copy the gateway's state while it works, and check the copies."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel

from prismd.endpoints import deps
from prismd.endpoints.admin.jobs import job
from prismd.endpoints.replies import ListOf, json_reply, page, time_text
from prismd.gateway import Gateway
from prismd.kernel import clock
from prismd.kernel.errors import Conflict, Overloaded, StorageRefused
from prismd.store import backup
from prismd.store.backup import Damaged, Manifest
from prismd.store.db import Tx
from prismd.wire.audit import Change

room = APIRouter(prefix="/-/backups", tags=["backups"], dependencies=[Depends(deps.admin)])


class BackupObject(BaseModel):
    """A copy of ``state.db`` that was opened and verified after it was made."""

    id: str
    object: Literal["backup"]
    created_at: AwareDatetime
    path: str
    """Where it is, on the machine of the gateway."""
    size_bytes: int
    sha256: str
    keys: int
    usage_rows: int
    audit_rows: int


class BackupList(ListOf):
    """Every backup, newest first."""

    data: list[BackupObject]


@room.get("", response_model=BackupList)
async def list_backups(gateway: deps.TheGateway) -> Response:
    """List backups, newest first."""
    found = await asyncio.to_thread(backup.page, gateway.data_dir.backups)
    return json_reply(page([_view(gateway, manifest) for manifest in found], has_more=False))


@room.post("", response_model=BackupObject, status_code=201)
async def create_backup(gateway: deps.TheGateway, actor: deps.TheActor) -> Response:
    """Copy the state while calls go on, and verify the copy from its first to its last page."""
    now_s = clock.now_s()
    with job(gateway.bus, "backup") as running:
        made = await _make(gateway, now_s)
        running.id = made.id
        change = Change("backup.created", made.id, {"sha256": (None, made.sha256)})

        def write(tx: Tx) -> None:
            gateway.audit.append(tx, actor, change, at_s=now_s)

        await gateway.stores.state.write(write)
    return json_reply(_view(gateway, made), status=201)


async def _make(gateway: Gateway, now_s: int) -> Manifest:
    data_dir = gateway.data_dir
    try:
        return await asyncio.to_thread(
            backup.make, data_dir.state_db, data_dir.backups, data_dir.master_key(), at_s=now_s
        )
    except Damaged as error:
        msg = f"The copy is not sound, so state.db is not: {error}. Restore an earlier backup."
        raise Overloaded(msg, code="storage_damaged") from None
    except StorageRefused as error:
        raise Overloaded(f"The backup failed: {error}.", code="backup_failed") from None


@room.post("/{backup_id}/verify", response_model=BackupObject)
async def verify_backup(backup_id: str, gateway: deps.TheGateway) -> Response:
    """Check a backup against its manifest; 409 ``backup_damaged`` if it is not what was made."""
    with job(gateway.bus, "verify", backup_id):
        try:
            master_key = gateway.data_dir.master_key()
            found = await asyncio.to_thread(
                backup.verify, gateway.data_dir.backups, backup_id, master_key
            )
        except Damaged as error:
            msg = f"The backup '{backup_id}' is damaged: {error}. Do not restore it."
            raise Conflict(msg, code="backup_damaged", param="backup_id") from None
    return json_reply(_view(gateway, found))


def _view(gateway: Gateway, manifest: Manifest) -> dict[str, object]:
    return {
        "id": manifest.id,
        "object": "backup",
        "created_at": time_text(manifest.created_at_s),
        "path": str(backup.path_of(gateway.data_dir.backups, manifest.id)),
        "size_bytes": manifest.size_bytes,
        "sha256": manifest.sha256,
        "keys": manifest.keys,
        "usage_rows": manifest.usage_rows,
        "audit_rows": manifest.audit_rows,
    }
