"""A gateway of canned answers on a real socket, for what must look the same every time."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "prism-admin-test"
KEY = "sk-prism-test"


@dataclass
class Sent:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Canned:
    """An answer; ``body`` is JSON unless it is bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """Whether the connection is closed instead."""

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Streamed:
    """An event stream: its pieces, and whether it then stays open until the stub is closed."""

    chunks: list[bytes]
    is_held: bool = False


def event(topic: str, seq: int | None = None, **fields: Any) -> bytes:
    """Return an event as the feed sends it."""
    body = {"type": topic, **({} if seq is None else {"id": seq}), **fields}
    head = f"event: {topic}\n" + ("" if seq is None else f"id: {seq}\n")
    return f"{head}data: {json.dumps(body)}\n\n".encode()


def error(status: int, code: str, message: str = "It is so.", **headers: str) -> Canned:
    body = {"error": {"message": message, "type": "t", "param": None, "code": code}}
    return Canned(body, status, {"x-request-id": "req_1", **headers})


class StubGateway:
    """Answers by method and path; a list of answers is used up one by one, the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Canned | Streamed]] = {}
        self.sent: list[Sent] = []
        self.closing = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                path, _, query = self.path.partition("?")
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                stub.sent.append(Sent(self.command, path, query, headers, body))
                answer = stub.answer(self.command, path)
                if isinstance(answer, Streamed):
                    self.stream(answer)
                    return
                if answer.is_cut:
                    self.close_connection = True
                    return
                content = answer.content()
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def stream(self, answer: Streamed) -> None:
                self.close_connection = True
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for chunk in answer.chunks:
                    self.wfile.write(chunk)
                if answer.is_held:
                    stub.closing.wait()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def on(self, method: str, path: str, *answers: Any) -> None:
        self.answers[method, path] = [
            answer if isinstance(answer, Canned | Streamed) else Canned(answer)
            for answer in answers
        ]

    def answer(self, method: str, path: str) -> Canned | Streamed:
        known = self.answers.get((method, path))
        if not known:
            return error(404, "not_found", f"The stub has no {method} {path}.")
        return known.pop(0) if len(known) > 1 else known[0]

    def last(self, method: str) -> Sent:
        return next(one for one in reversed(self.sent) if one.method == method)

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def key(**changes: Any) -> dict[str, Any]:
    """A key as the admin API shows it."""
    shown: dict[str, Any] = {
        "id": "key_0001",
        "object": "key",
        "prefix": "sk-prism-ab12…9xYz",
        "name": "ci",
        "status": "active",
        "is_expired": False,
        "key_type": "byok",
        "owner": None,
        "org_id": None,
        "models": None,
        "providers": None,
        "metadata": {},
        "credit_balance": None,
        "credit_balance_nano_usd": None,
        "credit_held": None,
        "credit_held_nano_usd": None,
        "rate_limit_rpm": None,
        "rate_limit_tpm": None,
        "max_concurrency": None,
        "allowed_ips": None,
        "allowed_tools": None,
        "denied_tools": None,
        "expires_at": None,
        "budgets": [],
        "created_at": "2026-11-01T12:00:00Z",
        "updated_at": "2026-11-01T12:00:00Z",
        "last_used_at": None,
        "version": 1,
    }
    return shown | changes


def listing(*rows: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    ids = [row["id"] for row in rows]
    ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {}
    return {"object": "list", "data": list(rows), "has_more": has_more, **ends}
