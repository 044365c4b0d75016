"""What leaves for each vendor, and what is made of what it answers, as its own pages have it.

``tests/golden/vendors/<type>/answer.json`` and ``error.json`` are written by hand from what the
vendor publishes. ``sent.json`` (path, headers, body and what was left out, for each conversation)
and ``told.json`` (what the caller gets) are compared with what comes out of the corridor and the
real sender; after a wanted change write them anew with ``PRISM_GOLDEN=write`` and read the
difference.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from prismd.dialects.vendor_error import read_error
from prismd.flow.saying import Relayed
from prismd.kernel.errors import UpstreamError
from prismd.kernel.outbound import Outbound
from prismd.providers.base import ProviderSpec
from prismd.providers.registry import ALL
from prismd.providers.setup import Connection
from prismd.wire.call import DialectName, Op
from tests.contract.vendor_setup import GOLDEN, OTHERS, VENDORS, model_of, said, target

HIDDEN = {"host", "user-agent", "accept", "accept-encoding", "connection", "content-length"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
CONVERSATIONS: Mapping[str, Mapping[str, object]] = {
    "plain": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "How much is two and two?"},
        ],
        "max_completion_tokens": 64,
        "temperature": 1.8,
        "top_p": 0.9,
        "presence_penalty": 0.5,
        "frequency_penalty": 0,
        "stop": ["\n\n"],
        "seed": 7,
        "n": 1,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u-1",
    },
    "tools": {
        "messages": [
            {"role": "user", "content": "Weather in Oslo?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"place":"Oslo"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "2 degrees"},
            {"role": "user", "content": "And in Rome?"},
        ],
        "tools": [WEATHER],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_tokens": 64,
    },
    "schema": {
        "messages": [{"role": "user", "content": "How much is two and two?"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "sum",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"sum": {"type": "integer"}},
                    "required": ["sum"],
                    "additionalProperties": False,
                },
            },
        },
        "stream": True,
    },
}
NATIVE: Mapping[DialectName, Mapping[str, object]] = {
    DialectName.ANTHROPIC: {
        "model": "public-name",
        "max_tokens": 2048,
        "temperature": 0.3,
        "top_p": 0.9,
        "system": [{"type": "text", "text": "Brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "How much is two and two?"}],
        "metadata": {"user_id": "u-1"},
    },
    DialectName.GOOGLE: {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "How much is two and two?"}]}],
        "generationConfig": {"maxOutputTokens": 64, "thinkingConfig": {"thinkingBudget": 0}},
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
        ],
    },
}
"""What clients of the vendor's own dialect say: it leaves as it is, but for the model's name."""


class Vendor:
    """Keeps each request, and answers it as it is told."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.body = b"{}"
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        writer.write(
            f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"{''.join(lines)}content-length: {len(self.body)}\r\n\r\n".encode()
        )
        writer.write(self.body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def vendor() -> AsyncIterator[Vendor]:
    one = Vendor()
    listener = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    async with listener:
        one.port = listener.sockets[0].getsockname()[1]
        yield one


def _cases(
    spoken: DialectName, model: str, *, of: str = ""
) -> Iterator[tuple[str, DialectName, str, Mapping[str, object]]]:
    """Yield a name, the client's dialect, the vendor's model, and what is said."""
    for name, body in CONVERSATIONS.items():
        yield name + of, DialectName.OPENAI, model, body
    if (own := NATIVE.get(spoken)) is not None:
        yield "native" + of, spoken, model, own


def as_sent(request: bytes, reached: Connection) -> dict[str, object]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    where = urlsplit(reached.base_url or "")
    headers = dict(line.split(": ", 1) for line in lines)
    return {
        "method": method,
        "url": f"{where.scheme}://{where.netloc}{path}",
        "headers": {
            name: value.replace("sk-1", "***")
            for name, value in sorted(headers.items())
            if name not in HIDDEN
        },
        "body": json.loads(body),
    }


def compare(name: str, found: object) -> None:
    """Compare with a golden file; what is made anew in each run is left out before."""
    path = GOLDEN / name
    if os.environ.get("PRISM_GOLDEN") == "write":
        path.write_text(json.dumps(found, indent=1) + "\n")
    assert json.loads(json.dumps(found)) == json.loads(path.read_text())


@pytest.mark.parametrize("spec", VENDORS, ids=lambda spec: spec.type)
async def test_what_leaves_for_a_vendor(
    spec: ProviderSpec, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    found: dict[str, object] = {}
    async with vendor() as one:
        _, reached = target(spec, outbound, one.port)
        cases = list(_cases(spec.dialect, model_of(spec)))
        for model in OTHERS.get(spec.type, ()):
            endpoint = spec.endpoint(Op.CHAT, model)
            assert endpoint is not None
            cases += _cases(endpoint.dialect, model, of=f" of {model}")
        for name, dialect, model, conversation in cases:
            step, _ = target(spec, outbound, one.port, model=model)
            saying = await said(step, conversation, dialect)
            response = await step.provider.upstream.send(saying.request)
            await response.read()
            sent = as_sent(one.requests[-1], reached)
            found[name] = {**sent, "drops": list(saying.drops)}
            assert b"sk-1" not in one.requests[-1].partition(b"\r\n\r\n")[2]
            assert b"public-name" not in one.requests[-1]
            assert b"org-of-the-caller" not in one.requests[-1]
    compare(f"{spec.type}/sent.json", found)


@pytest.mark.parametrize("spec", VENDORS, ids=lambda spec: spec.type)
async def test_what_a_caller_is_told(
    spec: ProviderSpec, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "sk-1")
    answer = (GOLDEN / spec.type / "answer.json").read_bytes()
    error = json.loads((GOLDEN / spec.type / "error.json").read_bytes())
    async with vendor() as one:
        step, _ = target(spec, outbound, one.port)
        saying = await said(step, {"messages": [{"role": "user", "content": "2 and 2?"}]})
        one.body = answer
        response = await step.provider.upstream.send(saying.request)
        body, usage = saying.read(await response.read())
        one.status, one.headers = error["status"], error["headers"]
        one.body = json.dumps(error["body"]).encode()
        response = await step.provider.upstream.send(saying.request)
        refused = read_error(
            response.status, response.headers, await response.read(), provider=spec.type
        )
    assert usage is not None
    if isinstance(saying, Relayed):
        assert body == answer
    whole = json.loads(body)
    assert whole["choices"][0]["message"]["content"] == "Four."
    assert whole["choices"][0]["finish_reason"] in ("stop", "eos")
    compare(
        f"{spec.type}/told.json",
        {
            "answer": "as it is" if isinstance(saying, Relayed) else without_made(whole),
            "usage": {name: count for name, count in structs.asdict(usage).items() if count},
            "error": as_told(refused),
        },
    )


def without_made(whole: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in whole.items() if name not in ("id", "created")}


def as_told(error: UpstreamError) -> dict[str, object]:
    return {
        "status": error.status,
        "type": error.type,
        "code": error.code,
        "param": error.param,
        "message": error.message,
        "retry_after_s": error.retry_after_s,
    }


def test_each_vendor_has_its_bodies() -> None:
    known = {spec.type for spec in ALL if spec.type != "fake"}
    assert {folder.name for folder in GOLDEN.iterdir()} == known
    for folder in GOLDEN.iterdir():
        assert {"answer.json", "error.json"} <= {file.name for file in folder.iterdir()}
