"""The fake process as any vendor is reached, and calls to it."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from prismd.dialects.base import HttpCall
from prismd.kernel.outbound import Outbound
from prismd.providers import openai
from prismd.providers.sender import HttpUpstream
from tests.fake_process import FakeProcess


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    pool = Outbound()
    yield pool
    await pool.aclose()


@pytest.fixture
def over_http(fake_process: FakeProcess, outbound: Outbound) -> HttpUpstream:
    """The fake process, reached as any vendor is."""
    return HttpUpstream(
        openai.SPEC,
        provider_id="sim",
        base_url=fake_process.url,
        timeout_s=5,
        outbound=outbound,
    )


@pytest.fixture
def chat() -> Callable[..., HttpCall]:
    """Build a chat call: the model, the user's text, headers, further fields of the body."""

    def build(
        model: str, text: str = "Hello, world", headers: dict[str, str] | None = None, **body: Any
    ) -> HttpCall:
        request = {"model": model, "messages": [{"role": "user", "content": text}], **body}
        return HttpCall(
            "POST",
            "/chat/completions",
            json.dumps(request).encode(),
            tuple((headers or {}).items()),
        )

    return build
