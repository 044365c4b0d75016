"""The official OpenAI SDK, unchanged, against a real daemon over real sockets."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.chat import ChatCompletionToolParam as Tool
from pydantic import BaseModel

from tests.daemon_process import Daemon, Key, wait_for
from tests.fake_process import FakeProcess

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello, world"}]

WEATHER: Tool = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}

BOTH_DOORS = pytest.mark.parametrize("vendor", ["fake", "mock"])

Clients = Callable[..., OpenAI]


class Recipe(BaseModel):
    """What a structured answer is read into."""

    title: str
    minutes: int
    steps: list[str]


@pytest.fixture
def clients(daemon: Daemon) -> Iterator[Clients]:
    """Make clients: the key, then options of the SDK."""
    made: list[OpenAI] = []

    def make(api_key: str, **options: Any) -> OpenAI:
        options = {"max_retries": 0, "timeout": 10, **options}
        made.append(OpenAI(base_url=f"{daemon.url}/v1", api_key=api_key, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(clients: Clients, key: Key) -> OpenAI:
    return clients(key.secret)


@pytest.fixture
async def async_client(daemon: Daemon, key: Key) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{daemon.url}/v1", api_key=key.secret, max_retries=0, timeout=10
    ) as client:
        yield client


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


@BOTH_DOORS
def test_text(client: OpenAI, vendor: str) -> None:
    answer = client.chat.completions.create(model=f"{vendor}/echo", messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "Hello, world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_headers_of_an_answer(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="mock/echo", messages=HELLO)
    assert raw.headers["x-prism-provider"] == "mock"
    assert raw.headers["x-prism-model-used"] == "echo"
    assert raw.headers["x-prism-attempts"] == "1"
    assert float(raw.headers["x-prism-latency-ms"]) > 0
    assert 0 < float(raw.headers["x-prism-cost"]) < 0.01
    assert raw.request_id is not None
    assert raw.request_id.startswith("req_")
    parsed = raw.parse()
    assert parsed._request_id == raw.request_id


def test_several_choices(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="mock/lorem", messages=HELLO, n=3, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3


def test_limits_are_the_vendors_to_obey(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="mock/lorem+tokens=200", messages=HELLO, max_completion_tokens=5
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_fields_unknown_to_the_gateway_reach_the_vendor(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="mock/echo", messages=HELLO, extra_body={"brand_new_field": {"deep": [1, None]}}
    )
    assert answer.choices[0].message.content == "Hello, world"


async def test_async_text(async_client: AsyncOpenAI) -> None:
    answer = await async_client.chat.completions.create(model="mock/echo", messages=HELLO)
    assert answer.choices[0].message.content == "Hello, world"


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


@BOTH_DOORS
def test_stream_without_usage_has_no_usage_chunk(client: OpenAI, vendor: str) -> None:
    stream = client.chat.completions.create(model=f"{vendor}/echo", messages=HELLO, stream=True)
    chunks = list(stream)
    assert text_of(chunks) == "Hello, world"
    assert [chunk for chunk in chunks if not chunk.choices] == []
    assert "usage" not in "".join(chunk.model_dump_json(exclude_unset=True) for chunk in chunks)


@BOTH_DOORS
def test_stream_with_usage_ends_with_it(client: OpenAI, vendor: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model=f"{vendor}/echo",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert text_of(chunks) == "Hello, world"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_streams_usage_is_recorded_although_the_client_did_not_ask(
    daemon: Daemon, client: OpenAI
) -> None:
    with client.chat.completions.create(
        model="mock/echo+usage=1000,2000", messages=HELLO, stream=True
    ) as stream:
        list(stream)
        trace = daemon.trace(stream.response.headers["x-request-id"])
    assert trace["usage"]["input_tokens"] == 1000
    assert trace["usage"]["output_tokens"] == 2000
    assert trace["usage"]["is_estimated"] is False
    assert trace["is_complete"] is True
    # $1 and $2 per million tokens
    assert trace["cost_nano_usd"] == 5_000_000


def test_stream_helper_of_the_sdk(client: OpenAI) -> None:
    with client.chat.completions.stream(model="mock/lorem+tokens=20", messages=HELLO) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert len([delta for delta in deltas if delta]) == 20
    assert final.choices[0].message.content == "".join(deltas)


async def test_async_stream(async_client: AsyncOpenAI) -> None:
    stream = await async_client.chat.completions.create(
        model="mock/echo", messages=HELLO, stream=True
    )
    assert text_of([chunk async for chunk in stream]) == "Hello, world"


def test_events_arrive_as_they_are_made(client: OpenAI) -> None:
    """40 tokens at 40 per second: the first must be here long before the last."""
    started_s = time.monotonic()
    stream = client.chat.completions.create(
        model="mock/lorem+tokens=40+rate=40", messages=HELLO, stream=True
    )
    arrived_s = [time.monotonic() - started_s for chunk in stream if chunk.choices]
    assert arrived_s[-1] > 0.9
    assert arrived_s[1] < arrived_s[-1] / 2


# ── tools and structured answers ─────────────────────────────────────────────────────────────────


@BOTH_DOORS
def test_tools(client: OpenAI, vendor: str) -> None:
    answer = client.chat.completions.create(
        model=f"{vendor}/tools", messages=HELLO, tools=[WEATHER], tool_choice="required"
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["unit"] in ("c", "f")

    answered: list[ChatCompletionMessageParam] = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call.model_dump()]},  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    answer = client.chat.completions.create(
        model=f"{vendor}/tools", messages=answered, tools=[WEATHER]
    )
    assert "21 degrees" in (answer.choices[0].message.content or "")


def test_tools_streamed(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="mock/tools", messages=HELLO, tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"city", "unit"}


def test_json_mode(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="mock/json", messages=HELLO, response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content or "") == {"message": "Hello, world"}


@BOTH_DOORS
def test_parsed_answer(client: OpenAI, vendor: str) -> None:
    answer = client.chat.completions.parse(
        model=f"{vendor}/json", messages=HELLO, response_format=Recipe
    )
    assert isinstance(answer.choices[0].message.parsed, Recipe)


async def test_parsed_stream(async_client: AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(
        model="mock/json", messages=HELLO, response_format=Recipe
    ) as stream:
        final = await stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Recipe)


# ── models ───────────────────────────────────────────────────────────────────────────────────────


def test_models(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"fake/echo", "mock/echo"} <= models.keys()
    assert models["mock/echo"].owned_by == "mock"
    model = client.models.retrieve("mock/echo")
    assert model.id == "mock/echo"
    assert model.model_extra is not None
    assert model.model_extra["max_input_tokens"] == 128_000
    assert model.model_extra["pricing"]["output_per_m_tokens"] == 2


def test_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("fake/nope")
    assert caught.value.code == "model_not_found"


# ── errors ───────────────────────────────────────────────────────────────────────────────────────


BAD_ANSWER = "invalid_upstream_response"
BAD_ROLE = {"messages": [{"role": "robot", "content": "Hello"}]}

ERRORS: list[tuple[str, dict[str, Any], type[openai.APIStatusError], int, str, str | None]] = [
    ("fake/nope", {}, openai.NotFoundError, 404, "model_not_found", "model"),
    ("nobody", {}, openai.NotFoundError, 404, "model_not_found", "model"),
    ("fake/echo", {"messages": []}, openai.BadRequestError, 400, "missing_messages", "messages"),
    ("fake/echo", {"n": "two"}, openai.BadRequestError, 400, "invalid_type", "n"),
    # What only the vendor can judge is the vendor's own answer, passed on.
    ("mock/echo", BAD_ROLE, openai.BadRequestError, 400, "invalid_value", "messages[0].role"),
    ("mock/echo+status=400", {}, openai.BadRequestError, 400, "provider_400", None),
    ("mock/echo+status=422", {}, openai.UnprocessableEntityError, 422, "provider_422", None),
    ("mock/echo+status=429", {}, openai.RateLimitError, 429, "rate_limit_exceeded", None),
    # The gateway's credential at the vendor is not the caller's fault.
    ("mock/echo+status=401", {}, openai.InternalServerError, 502, "provider_auth_failed", None),
    ("mock/echo+status=403", {}, openai.InternalServerError, 502, "provider_auth_failed", None),
    # The vendor's own failures.
    ("mock/echo+status=500", {}, openai.InternalServerError, 502, "provider_500", None),
    ("mock/echo+status=503", {}, openai.InternalServerError, 502, "provider_503", None),
    ("mock/echo+malformed=1", {}, openai.InternalServerError, 502, BAD_ANSWER, None),
    ("mock/echo+cut=0", {}, openai.InternalServerError, 502, "provider_connection_broken", None),
]


@pytest.mark.parametrize(("model", "fields", "kind", "status", "code", "param"), ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_typed_errors(
    *,
    client: OpenAI,
    model: str,
    fields: dict[str, Any],
    kind: type[openai.APIStatusError],
    status: int,
    code: str,
    param: str | None,
    stream: bool,
) -> None:
    """An error before the first byte of a stream is a real HTTP error, too."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(
            **{"model": model, "messages": HELLO, "stream": stream, **fields}
        )
    error = caught.value
    assert type(error) is kind
    assert (error.status_code, error.code, error.param) == (status, code, param)
    assert error.request_id is not None
    assert error.request_id.startswith("req_")


def test_authentication(clients: Clients) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        clients("sk-prism-nonsense").chat.completions.create(model="fake/echo", messages=HELLO)
    assert caught.value.code == "invalid_api_key"


def test_an_admin_token_is_no_key(daemon: Daemon, clients: Clients) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        clients(daemon.admin_token).models.list()
    assert caught.value.code == "admin_token_on_api"
    assert daemon.admin_token not in str(caught.value)


def test_permission(daemon: Daemon, clients: Clients) -> None:
    bound = daemon.create_key(models=["mock/*"])
    with pytest.raises(openai.PermissionDeniedError) as caught:
        clients(bound.secret).chat.completions.create(model="fake/echo", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("permission_denied", "model")


def test_rate_limit(daemon: Daemon, clients: Clients) -> None:
    limited = clients(daemon.create_key(rate_limit_rpm=1).secret)
    limited.chat.completions.create(model="fake/echo", messages=HELLO)
    with pytest.raises(openai.RateLimitError) as caught:
        limited.chat.completions.create(model="fake/echo", messages=HELLO)
    headers = caught.value.response.headers
    assert 0 < int(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 0 < int(headers["x-ratelimit-reset-requests"]) <= 60


def test_the_vendors_retry_after_is_passed_on(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="mock/echo+status=429+retry-after=7", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"


def test_the_sdk_retries_as_the_answer_says(daemon: Daemon, clients: Clients) -> None:
    """A 429 with Retry-After 1 is tried again a second later; both tries reached the vendor."""
    own = daemon.create_key()
    started_s = time.monotonic()
    with pytest.raises(openai.RateLimitError):
        clients(own.secret, max_retries=1).chat.completions.create(
            model="mock/echo+status=429+retry-after=1", messages=HELLO
        )
    assert time.monotonic() - started_s >= 1
    totals = daemon.admin.get("/-/usage", params={"key": own.id}).json()["totals"]
    assert (totals["requests"], totals["errors"]) == (2, 2)


@pytest.mark.parametrize("model", ["fake/echo+status=400", "fake/nope"])
def test_the_sdk_does_not_repeat_what_is_wrong(
    daemon: Daemon, clients: Clients, key: Key, model: str
) -> None:
    with pytest.raises(openai.APIStatusError):
        clients(key.secret, max_retries=3).chat.completions.create(model=model, messages=HELLO)
    calls = daemon.admin.get("/-/requests", params={"key": key.id}).json()["data"]
    assert [call["model"] for call in calls] == [model]


def test_the_gateways_timeout(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model="mock/echo+hang=0",
            messages=HELLO,
            extra_headers={"x-prism-request-timeout": "150"},
        )
    assert caught.value.status_code == 504
    assert caught.value.code == "gateway_timeout"


def test_an_error_in_the_middle_of_a_stream(daemon: Daemon, client: OpenAI) -> None:
    """After the first event an error is an event, without `[DONE]`; the SDK raises it."""
    stream = client.chat.completions.create(model="mock/lorem+cut=3", messages=HELLO, stream=True)
    chunks: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError) as caught:
        chunks.extend(stream)
    assert caught.value.code == "provider_connection_broken"
    trace = daemon.trace(stream.response.headers["x-request-id"])
    assert trace["status"] == 502
    assert trace["error_code"] == "provider_connection_broken"
    assert trace["is_complete"] is False


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────


def assert_left(daemon: Daemon, fake: FakeProcess, request_id: str) -> dict[str, Any]:
    """The vendor saw the client go within a second; the gateway wrote down that it left."""
    entry = fake.entry(request_id, within_s=1.0)
    assert entry["outcome"] == "client_gone"
    trace = daemon.trace(request_id)
    assert trace["status"] == 499
    assert trace["error_code"] == "client_closed"
    assert trace["is_complete"] is False
    assert trace["provider"] == "mock"
    return trace


def assert_slot_is_free(daemon: Daemon, key: Key) -> None:
    wait_for(lambda: daemon.chat(key).status_code == 200, "the slot is given back", within_s=1.0)


def test_abort_in_the_middle_of_a_stream(
    daemon: Daemon, clients: Clients, fake_process: FakeProcess
) -> None:
    one_at_once = daemon.create_key(max_concurrency=1)
    stream = clients(one_at_once.secret).chat.completions.create(
        model="mock/lorem+rate=30+tokens=600", messages=HELLO, stream=True
    )
    seen = [next(stream) for _ in range(4)]
    assert daemon.chat(one_at_once).status_code == 429
    stream.close()

    trace = assert_left(daemon, fake_process, stream.response.headers["x-request-id"])
    assert trace["is_stream"] is True
    assert trace["attempts"] == [
        {"provider": "mock", "model": "lorem+rate=30+tokens=600", "status": 200, "outcome": "ok"}
    ]
    # The vendor did not say; what was relayed is estimated, and not the whole answer.
    assert trace["usage"]["is_estimated"] is True
    assert len(seen) - 2 <= trace["usage"]["output_tokens"] < 300
    assert_slot_is_free(daemon, one_at_once)


async def test_async_abort(
    daemon: Daemon, async_client: AsyncOpenAI, fake_process: FakeProcess
) -> None:
    async with await async_client.chat.completions.create(
        model="mock/lorem+rate=30+tokens=600", messages=HELLO, stream=True
    ) as stream:
        await anext(stream)
        request_id = stream.response.headers["x-request-id"]
    assert_left(daemon, fake_process, request_id)


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdks_own_timeout(
    daemon: Daemon, clients: Clients, fake_process: FakeProcess, *, stream: bool
) -> None:
    """The client gives up before there is any answer."""
    one_at_once = daemon.create_key(max_concurrency=1)
    impatient = clients(one_at_once.secret, timeout=0.2)
    known = {entry["request_id"] for entry in fake_process.entries()}
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="mock/echo+hang=0", messages=HELLO, stream=stream)

    def new_entry() -> dict[str, Any] | None:
        new = [entry for entry in fake_process.entries() if entry["request_id"] not in known]
        return new[0] if new else None

    entry = wait_for(new_entry, "the vendor notices", within_s=1.0)
    trace = assert_left(daemon, fake_process, entry["request_id"])
    assert trace["attempts"] == [
        {"provider": "mock", "model": "echo+hang=0", "status": None, "outcome": "client_closed"}
    ]
    assert_slot_is_free(daemon, one_at_once)
