"""URLs of callers: fetched once for a call, however many providers are tried."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.process import free_port
from tests.conftest import StartDaemon

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


class _Pictures(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def pictures() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (_Pictures,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_address[1], asked
        server.shutdown()


def test_each_is_fetched_once_for_a_call(
    start: StartDaemon, monkeypatch: pytest.MonkeyPatch, pictures: tuple[int, list[str]]
) -> None:
    port, asked = pictures
    monkeypatch.setenv("BOX_KEY", "k")
    box = "{{type: gemini, base_url: 'http://127.0.0.1:{}', api_key: env:BOX_KEY, models: [m]}}"
    daemon = start(
        f"providers:\n  a: {box.format(free_port())}\n  b: {box.format(free_port())}\n"
        "routing: {failover: {enabled: true}}\n"
        f"fetch: {{allow_http: true, allow_networks: [127.0.0.0/8], allow_ports: [{port}]}}\n"
    )
    urls = [f"http://127.0.0.1:{port}/{name}.png" for name in ("x", "y", "x")]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    answer = daemon.chat(daemon.create_key(), "m", messages=[{"role": "user", "content": parts}])
    assert answer.status_code == 503, answer.text
    assert answer.headers["x-prism-attempts"] == "2"
    assert sorted(asked) == ["/x.png", "/y.png"]
