"""``POST /-/config/check``: what a configuration would change. It puts nothing in force."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from prismd.config.changes import differences
from prismd.config.load import MAX_FILE_BYTES
from prismd.config.model import needs_restart
from prismd.endpoints import deps
from prismd.endpoints.replies import json_reply
from prismd.kernel.errors import ConfigError
from prismd.reload import look

room = APIRouter(tags=["config"], dependencies=[Depends(deps.admin)])


class ConfigText(BaseModel):
    """A configuration that is nowhere yet."""

    model_config = ConfigDict(extra="forbid")

    yaml: Annotated[str, Field(max_length=MAX_FILE_BYTES)]
    """It stands for the whole file or directory; flags and variables of the daemon go before it."""


class ConfigDifference(BaseModel):
    """One setting; secrets are shown as they are referred to, or masked."""

    model_config = ConfigDict(serialize_by_alias=True)

    path: str
    from_: JsonValue = Field(alias="from")
    """What is in force; null where it is not there."""
    to: JsonValue


class ConfigVerdict(BaseModel):
    """Whether it could be put in force, and what would be different."""

    object: Literal["config_check"]
    is_valid: bool
    problems: list[str]
    """Each with its line and column."""
    hash: str | None
    changes: list[ConfigDifference]
    needs_restart: list[str]
    """Settings that differ from those of the start, and are in force only after a restart."""


@room.post("/-/config/check", response_model=ConfigVerdict)
async def check_config(gateway: deps.TheGateway, body: ConfigText | None = None) -> Response:
    """Say what a configuration would change: the one that is sent, else that on the disk."""
    verdict: dict[str, object] = {
        "object": "config_check",
        "is_valid": True,
        "problems": [],
        "hash": None,
        "changes": [],
        "needs_restart": [],
    }
    in_force = gateway.snapshot.config
    try:
        found = await look(gateway, None if body is None else body.yaml)
    except ConfigError as error:
        return json_reply({**verdict, "is_valid": False, "problems": error.problems})
    changes = [
        {"path": one.path, "from": one.old, "to": one.new}
        for one in differences(in_force, found.config)
    ]
    restart = needs_restart(gateway.started_with, found.config)
    told = {"hash": found.hash, "changes": changes, "needs_restart": restart}
    return json_reply({**verdict, **told})
