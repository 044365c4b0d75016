"""The process: its record, what it notices of its clients, how it starts and stops."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prismd.dialects.base import HttpCall
from prismd.kernel.errors import ConfigError, UpstreamError
from prismd.kernel.outbound import Outbound
from prismd.providers import openai
from prismd.providers.fake.server import run
from prismd.providers.sender import HttpUpstream
from tests.fake_process import FakeProcess, start_fake, stop_fake

Chat = Callable[..., HttpCall]


async def test_a_finished_answer_is_recorded(
    fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    response = await over_http.send(
        chat("echo", "a b c", {"x-request-id": "finished"}, stream=True)
    )
    body = await response.read()
    await response.aclose()
    entry = fake_process.entry("finished")
    assert entry.pop("ts_s") == pytest.approx(time.time(), abs=60)
    assert entry.pop("usage")["output_tokens"] == 3
    assert entry == {
        "request_id": "finished",
        "model": "echo",
        "stream": True,
        "status": 200,
        "bytes_sent": len(body),
        "output_tokens_sent": 3,
        "outcome": "finished",
    }


async def test_a_refusal_is_recorded(
    fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    response = await over_http.send(chat("echo+status=500", headers={"x-request-id": "refused"}))
    await response.read()
    await response.aclose()
    entry = fake_process.entry("refused")
    assert (entry["status"], entry["usage"], entry["outcome"]) == (500, None, "finished")


async def test_a_cut_is_recorded_with_what_was_sent(
    fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    call = chat("lorem+cut=4", headers={"x-request-id": "cut"}, stream=True)
    response = await over_http.send(call)
    with pytest.raises(UpstreamError):
        await response.read()
    await response.aclose()
    entry = fake_process.entry("cut")
    assert entry["outcome"] == "cut"
    assert (entry["output_tokens_sent"], entry["usage"]["output_tokens"]) == (3, 60)


@pytest.mark.parametrize("model", ["lorem+rate=5", "echo+hang=2"])
async def test_leaving_in_the_middle_is_noticed(
    model: str, fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    request_id = f"left-{model}"
    response = await over_http.send(chat(model, headers={"x-request-id": request_id}, stream=True))
    await anext(response.chunks())
    await response.aclose()
    assert fake_process.entry(request_id)["outcome"] == "client_gone"


@pytest.mark.parametrize("model", ["echo+hang=0", "echo+latency=30s", "lorem+rate=1"])
async def test_cancelling_a_call_closes_its_socket(
    model: str, fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    request_id = f"cancelled-{model}"
    call = chat(model, headers={"x-request-id": request_id})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await over_http.send(call)
    entry = fake_process.entry(request_id)
    assert (entry["outcome"], entry["bytes_sent"]) == ("client_gone", 0)


async def test_cancelling_a_reader_closes_its_socket(
    fake_process: FakeProcess, over_http: HttpUpstream, chat: Chat
) -> None:
    call = chat("echo+hang=1", headers={"x-request-id": "reader"}, stream=True)
    response = await over_http.send(call)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await response.read()
    # The client need not even close it: the cancelled read has given the connection up.
    assert fake_process.entry("reader")["outcome"] == "client_gone"
    await response.aclose()


async def test_connections_are_used_again(fake_process: FakeProcess, chat: Chat) -> None:
    pool = Outbound()
    upstream = HttpUpstream(
        openai.SPEC, provider_id="sim", base_url=fake_process.url + "/v1", outbound=pool
    )
    for model in ("echo", "echo", "echo+status=404"):
        response = await upstream.send(chat(model))
        await response.read()
        await response.aclose()
    connections = list(next(iter(pool.pools._pools.values()))._connections)
    await pool.aclose()
    assert len(connections) == 1


async def test_an_unknown_path_says_what_there_is(over_http: HttpUpstream) -> None:
    response = await over_http.send(HttpCall("POST", "/embeddings", b"{}"))
    body = json.loads(await response.read())
    await response.aclose()
    assert response.status == 404
    assert body["error"]["code"] == "unknown_url"


def test_it_stops_cleanly_while_an_answer_hangs(tmp_path: Path) -> None:
    fake = start_fake(tmp_path / "record.jsonl")
    body = b'{"model":"echo+hang=1","stream":true,"messages":[{"role":"user","content":"x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: stop\r\n"
    port = int(fake.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert stop_fake(fake) == 0
    assert [entry["outcome"] for entry in fake.entries()] == ["cut"]


def test_a_taken_port_is_a_config_error(fake_process: FakeProcess) -> None:
    port = int(fake_process.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match="in use"):
        run("127.0.0.1", port)


def test_a_record_that_cannot_be_opened_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        run("127.0.0.1", 0, tmp_path / "missing" / "record.jsonl")


def test_the_record_is_appended_to(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    record.write_text('{"old": true}\n')
    fake = start_fake(record)
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2]))) as client:
        client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        while client.recv(4096):
            pass
    assert stop_fake(fake) == 0
    lines: list[dict[str, Any]] = fake.entries()
    assert lines[0] == {"old": True}
    assert lines[1]["status"] == 200
