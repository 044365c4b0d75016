"""The admin API: one method per endpoint; answers are the API's objects, unchanged."""

from collections.abc import Mapping
from urllib.parse import quote

from prismctl.client.http import Answer, Http
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

    def revoke_key(self, key_id: str, *, etag: str | None = None) -> Object:
        """Revoke a key, for ever; with an ETag only if it is still as it was then."""
        headers = None if etag is None else {"if-match": etag}
        path = f"/-/keys/{_segment(key_id)}"
        return self.http.request("DELETE", path, headers=headers).object()

    def add_credits(self, key_id: str, amount: Json, *, note: str | None) -> Object:
        """Add prepaid dollars to a managed key; the note stands in the history."""
        path = f"/-/keys/{_segment(key_id)}/credits"
        body: Object = {"amount": amount}
        if note is not None:
            body["note"] = note
        return self.http.request("POST", path, body=body).object()

    def credits(self, key_id: str, *, limit: int | None = None) -> Object:
        """List what was added to a key's credits, newest first."""
        return self._pages(f"/-/keys/{_segment(key_id)}/credits", limit, {})

    def budgets(self, *, scope: str | None = None, subject: str | None = None) -> Object:
        """List budgets and where they stand."""
        return self._pages("/-/budgets", None, {"scope": scope, "subject": subject})

    def create_budget(self, fields: Object) -> Object:
        """Make a budget; there is one for each scope, subject and window."""
        return self.http.request("POST", "/-/budgets", body=fields).object()

    def update_budget(self, budget_id: str, changes: Object) -> Object:
        """Change the limit of a budget, and what happens there."""
        return self.http.request("PUT", f"/-/budgets/{_segment(budget_id)}", body=changes).object()

    def reset_budget(self, budget_id: str) -> Object:
        """Let a budget count from zero in its current window."""
        return self.http.request("POST", f"/-/budgets/{_segment(budget_id)}/reset").object()

    def delete_budget(self, budget_id: str) -> Object:
        """Delete a budget."""
        return self.http.request("DELETE", f"/-/budgets/{_segment(budget_id)}").object()

    def ledger_accounts(self, *, limit: int | None = None, **filters: str | None) -> Object:
        """List accounts with their balances.

        Args:
            limit: How many; None for all.
            filters: ``kind``, ``key`` (id); None for any.
        """
        return self._pages("/-/ledger/accounts", limit, filters)

    def ledger_postings(self, *, limit: int | None = None, **filters: str | None) -> Object:
        """List transfers between accounts, newest first.

        Args:
            limit: How many; None for all.
            filters: ``account``, ``request_id``, ``kind``, ``since``; None for any.
        """
        return self._pages("/-/ledger/postings", limit, filters)

    def ledger_holds(self) -> Object:
        """List what running calls hold."""
        return self._pages("/-/ledger/holds", None, {})

    def verify_ledger(self) -> Object:
        """Recompute the whole ledger."""
        return self.http.request("POST", "/-/ledger/verify").object()

    def prices(self, **filters: str | None) -> Object:
        """List what models cost; filters are ``model``, ``provider``, ``source``."""
        return self._get("/-/prices", filters)

    def set_price(self, fields: Object) -> Object:
        """Set the price of a model, in place of whatever was set for the same subject."""
        return self.http.request("PUT", "/-/prices", body=fields).object()

    def delete_price(self, price_id: str) -> Object:
        """Remove a price that was set; what it hid is in force again."""
        return self.http.request("DELETE", f"/-/prices/{_segment(price_id)}").object()

    def test_price(self, body: Object) -> Object:
        """Bill a call that nobody makes."""
        return self.http.request("POST", "/-/prices/test", body=body).object()

    def models(self) -> Object:
        """List every model, whoever may use it."""
        return self._get("/-/models")

    def capabilities(self) -> Object:
        """Return version, providers and routes of the gateway."""
        return self._get("/-/capabilities")

    def doctor(self, *, is_probing: bool = False) -> Answer:
        """Return what should be looked after, with the headers of the answer.

        Args:
            is_probing: Whether the gateway asks each provider now, instead of what calls showed.
        """
        params = {"probe": "true"} if is_probing else None
        return self.http.request("GET", "/-/doctor", params=params)

    def provider_health(self) -> Object:
        """Return how each provider did in the last minutes."""
        return self._get("/-/health/providers")

    def config(self) -> Object:
        """Return the configuration in force, without secret values."""
        return self._get("/-/config")

    def check_config(self, yaml: str | None) -> Object:
        """Say what a configuration would change; None for the file on the gateway's disk."""
        body: Json = None if yaml is None else {"yaml": yaml}
        return self.http.request("POST", "/-/config/check", body=body).object()

    def reload(self) -> Object:
        """Read the configuration again, and put it in force if it is whole."""
        return self.http.request("POST", "/-/reload").object()

    def usage(self, **filters: str | None) -> Object:
        """Return usage and cost; filters as the API names them, None for any."""
        return self._get("/-/usage", filters)

    def requests(self, *, limit: int | None = None, **filters: str | None) -> Object:
        """List calls, newest first, at most ``limit`` of them.

        Args:
            limit: How many; None for all.
            filters: ``key`` (id), ``status`` and others, as the API names them; None for any.
        """
        return self._pages("/-/requests", limit, filters)

    def request(self, request_id: str, *, has_bodies: bool = False) -> Object:
        """Return the decision trace of a call; with what was asked and answered, if it is kept."""
        bodies = "true" if has_bodies else None
        return self._get(f"/-/requests/{_segment(request_id)}", {"bodies": bodies})

    def replay(self, request_id: str, changes: Object) -> Object:
        """Make a call again, with changes; somebody pays for it."""
        path = f"/-/requests/{_segment(request_id)}/replay"
        return self.http.request("POST", path, body=changes).object()

    def explain(self, body: Object) -> Object:
        """Decide a call that nobody makes; nothing is counted, held or sent."""
        return self.http.request("POST", "/-/explain", body=body).object()

    def _pages(self, path: str, limit: int | None, filters: Mapping[str, str | None]) -> Object:
        """Read a list page by page, into one list object."""
        params = dict(filters)
        rows: list[Json] = []
        while True:
            left = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit - len(rows))
            answer = self._get(path, {**params, "limit": str(left)})
            page = as_objects(answer.get("data"))
            rows.extend(page)
            is_enough = limit is not None and len(rows) >= limit
            # A search says where it goes on, also when a page of it is empty.
            after = as_text(answer.get("continue_after") or (page[-1].get("id") if page else None))
            # The page that was here before would come for ever.
            is_again = after == params.get("after")
            if not answer.get("has_more") or not after or is_enough or is_again:
                break
            params["after"] = after
        ids = [row.get("id") for row in as_objects(rows)]
        ends: Object = {"first_id": ids[0], "last_id": ids[-1]} if ids else {}
        return {**answer, "data": rows, **ends}

    def _get(self, path: str, filters: Mapping[str, str | None] | None = None) -> Object:
        params = {name: value for name, value in (filters or {}).items() if value is not None}
        return self.http.request("GET", path, params=params).object()


def _segment(text: str) -> str:
    return quote(text, safe="")
