"""The admin API: one method per endpoint; answers are the API's objects, unchanged."""

from collections.abc import Mapping
from urllib.parse import quote

from prismctl.client.http import Http
from prismctl.jsontext import Json, Object, as_objects, as_text

PAGE_SIZE = 500


class Admin:
    """``/-/`` of one gateway."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def keys(self, *, limit: int | None = None, **filters: str | None) -> Object:
        """List keys, all pages in one list object, at most ``limit`` of them.

        Args:
            limit: How many; None for all.
            filters: ``status``, ``owner``, ``name``; None for any.
        """
        return self._pages("/-/keys", limit, filters)

    def audit(self, *, limit: int | None = None, **filters: str | None) -> Object:
        """List changes, newest first, at most ``limit`` of them.

        Args:
            limit: How many; None for all.
            filters: ``since``, ``action``, ``object_id``; None for any.
        """
        return self._pages("/-/audit", limit, filters)

    def verify_audit(self, *, noted_head: str | None) -> Object:
        """Recompute the chain of the audit log; say whether a head noted before is in it."""
        params = {} if noted_head is None else {"noted_head": noted_head}
        return self.http.request("POST", "/-/audit/verify", params=params).object()

    def backups(self) -> Object:
        """List backups, newest first."""
        return self._get("/-/backups")

    def create_backup(self) -> Object:
        """Copy the state of the gateway and verify the copy."""
        return self.http.request("POST", "/-/backups").object()

    def verify_backup(self, backup_id: str) -> Object:
        """Check a backup again, from its first to its last page."""
        return self.http.request("POST", f"/-/backups/{_segment(backup_id)}/verify").object()

    def _pages(self, path: str, limit: int | None, filters: Mapping[str, str | None]) -> Object:
        """Read a list page by page, into one list object."""
        params = {name: value for name, value in filters.items() if value is not None}
        rows: list[Json] = []
        while True:
            left = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(rows))
            answer = self._get(path, {**params, "limit": str(left)})
            page = as_objects(answer.get("data"))
            rows.extend(page)
            is_enough = limit is not None and len(rows) >= limit
            if not answer.get("has_more") or not page or is_enough:
                break
            params["after"] = as_text(page[-1].get("id"))
        ids = [row.get("id") for row in as_objects(rows)]
        ends: Object = {"first_id": ids[0], "last_id": ids[-1]} if ids else {}
        return {**answer, "data": rows, **ends}

    def key(self, key_id: str) -> tuple[Object, str]:
        """Return a key and its ETag."""
        answer = self.http.request("GET", f"/-/keys/{_segment(key_id)}")
        return answer.object(), answer.headers.get("etag", "*")

    def create_key(self, fields: Object) -> Object:
        """Make a key; ``key`` in the answer is its secret, shown this once."""
        return self.http.request("POST", "/-/keys", body=fields).object()

    def update_key(self, key_id: str, changes: Object, *, etag: str) -> Object:
        """Change fields of a key, if it is still as it was when it was read."""
        path = f"/-/keys/{_segment(key_id)}"
        return self.http.request("PUT", path, body=changes, headers={"if-match": etag}).object()

    def revoke_key(self, key_id: str) -> Object:
        """Revoke a key, for ever."""
        return self.http.request("DELETE", f"/-/keys/{_segment(key_id)}").object()

    def add_credits(self, key_id: str, amount: Json) -> Object:
        """Add prepaid dollars to a managed key."""
        path = f"/-/keys/{_segment(key_id)}/credits"
        return self.http.request("POST", path, body={"amount": amount}).object()

    def models(self) -> Object:
        """List every model, whoever may use it."""
        return self._get("/-/models")

    def capabilities(self) -> Object:
        """Return version, providers and routes of the gateway."""
        return self._get("/-/capabilities")

    def provider_health(self) -> Object:
        """Return how each provider did in the last minutes."""
        return self._get("/-/health/providers")

    def config(self) -> Object:
        """Return the configuration in force, without secret values."""
        return self._get("/-/config")

    def reload(self) -> Object:
        """Read the configuration again, and put it in force if it is whole."""
        return self.http.request("POST", "/-/reload").object()

    def usage(self, **filters: str) -> Object:
        """Return usage and cost; filters as the API names them."""
        return self._get("/-/usage", filters)

    def request(self, request_id: str) -> Object:
        """Return the decision trace of a call."""
        return self._get(f"/-/requests/{_segment(request_id)}")

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Object:
        return self.http.request("GET", path, params=params).object()


def _segment(text: str) -> str:
    return quote(text, safe="")
