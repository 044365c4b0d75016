"""A gateway of this machine, once it answers: its keys, its context, what it offers."""

import os
from urllib.parse import urlsplit

from prismctl import contexts
from prismctl.client.admin import Admin
from prismctl.client.http import Http
from prismctl.client.openai import OpenAI
from prismctl.contexts import Context
from prismctl.errors import ApiError, NotSignedIn, Unreachable
from prismctl.exits import ExitCode
from prismctl.jsontext import Json, Object, as_objects
from prismctl.local import ports
from prismctl.local.datadir import DEV_KEY, DataDir, Running

CONTEXT = "local"
DEV_CREDITS_USD = 10


def find_running(data: DataDir) -> Running | None:
    """Return the daemon that runs on this data directory, if ``up`` started one that answers."""
    running, token = data.running(), data.secret("admin-token")
    if running is None or token is None or not _is_at(running):
        return None
    try:
        with Http(running.url, token=token, timeout_s=2.0) as http:
            Admin(http).config()
    except (ApiError, Unreachable):
        return None
    return running


def _is_at(running: Running) -> bool:
    """Check that the process is there, so that the token is not shown to who took its port."""
    try:
        os.kill(running.pid, 0)
    except OSError:
        return False
    found = ports.listener(urlsplit(running.url).port or 0)
    return found is None or found.pid == running.pid


def ensure_key(data: DataDir, http: Http, file: str, fields: Object) -> str:
    """Return the secret of a key of ours: the kept one if it still works, else a new one."""
    kept = data.secret(file)
    if kept is not None and _is_accepted(http.base_url, kept):
        return kept
    try:
        secret = Admin(http).create_key(fields).get("key")
    except ApiError as error:
        if error.exit_code is not ExitCode.DENIED:
            raise
        msg = f"the gateway does not accept the admin token in {data.token_file}"
        hint = "does the configuration name another one (admin.token)? leave that out for up"
        raise NotSignedIn(msg, hint=hint) from None
    data.keep_secret(file, str(secret))
    return str(secret)


def _is_accepted(url: str, secret: str) -> bool:
    try:
        with Http(url, token=secret) as http:
            OpenAI(http).models()
    except ApiError:
        return False
    return True


def introduce(data: DataDir, running: Running) -> Object:
    """Make the dev key and the context; return what a person needs to know.

    Raises:
        PrismctlError: the gateway does not accept us, or the contexts cannot be written.
    """
    token = data.secret("admin-token")
    with Http(running.url, token=token) as http:
        fields: Object = {"name": "dev", "credits": DEV_CREDITS_USD}
        key = ensure_key(data, http, DEV_KEY, fields)
        admin = Admin(http)
        providers = as_objects(admin.capabilities().get("providers"))
        models = as_objects(admin.models().get("data"))
    names: list[Json] = [row.get("id") for row in models]
    return {
        "object": "gateway",
        "url": running.url,
        "base_url": f"{running.url}/v1",
        "key": key,
        "pid": running.pid,
        "data_dir": str(data.path),
        "context": CONTEXT,
        "is_current": _write_context(data, running.url),
        "providers": [row.get("id") for row in providers],
        "models": names,
    }


def _write_context(data: DataDir, url: str) -> bool:
    """Write the context; say whether it is the current one."""
    known = contexts.load()
    before = known.by_name.get(CONTEXT)
    ours = Context(
        name=CONTEXT,
        url=url,
        is_protected=before is not None and before.is_protected,
        token=f"file:{data.token_file}",
        key=f"file:{data.path / DEV_KEY}",
    )
    changed = known.with_context(ours)
    contexts.save(changed)
    return changed.current == CONTEXT
