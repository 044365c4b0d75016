import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.dialects.openai.request import parse_chat, read_usage, relay, tool_names
from prismd.kernel import jsonio
from prismd.kernel.errors import InvalidRequest, UpstreamError
from prismd.wire.chat import ChatRequest
from prismd.wire.common import Usage

MESSAGES = [{"role": "user", "content": "hi"}]


def chat(**fields: object) -> ChatRequest:
    return parse_chat(json.dumps({"model": "m", "messages": MESSAGES, **fields}).encode())


def with_field(field: bytes) -> ChatRequest:
    return parse_chat(
        json.dumps({"model": "m", "messages": MESSAGES}).encode()[:-1] + b", " + field + b"}"
    )


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"model": NaN}', "invalid_json", None),
        (b"[1]", "invalid_json", None),
        (b'"x"', "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b'{"a":' * 50_000, "invalid_json", None),
        (b'{"messages": [{}]}', "missing_model", "model"),
        (b'{"model": "", "messages": [{}]}', "missing_model", "model"),
        (b'{"model": "m"}', "missing_messages", "messages"),
        (b'{"model": "m", "messages": []}', "missing_messages", "messages"),
        (b'{"model": 5, "messages": [{}]}', "invalid_type", "model"),
        (b'{"model": "m", "messages": "hi"}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [{}], "stream": "yes"}', "invalid_type", "stream"),
        (b'{"model": "m", "messages": [{}], "max_tokens": 1.5}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "temperature": "hot"}', "invalid_type", "temperature"),
        (
            b'{"model": "m", "messages": [{}], "stream_options": {"include_usage": 1}}',
            "invalid_type",
            "stream_options.include_usage",
        ),
    ],
)
def test_a_bad_body_is_refused_and_the_field_named(
    body: bytes, code: str, param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_chat(body)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)


def relayed(request: ChatRequest, *, model: str) -> bytes:
    return jsonio.encode(relay(request, model=model, output_limit=None).fields)


def test_the_vendor_gets_the_clients_own_bytes_with_its_own_model_name() -> None:
    inner = b'[ {"role":"user" , "content":"\\u00e9 \xc3\xa9", "x":1.50} ]'
    body = b'{"model":"m","messages":' + inner + b',"vendor_extra":{"a":[1, 2]}}'
    sent = relayed(parse_chat(body), model="vendor-m")
    assert inner in sent
    assert b'{"a":[1, 2]}' in sent
    assert json.loads(sent)["model"] == "vendor-m"


@given(st.sampled_from(["model", "messages", "stream", "max_tokens", "n"]))
def test_of_a_field_given_twice_the_vendor_sees_only_the_one_that_was_checked(name: str) -> None:
    values = {
        "model": ('"first"', '"m"'),
        "messages": ('[{"role":"system"}]', '[{"role":"user"}]'),
        "stream": ("true", "false"),
        "max_tokens": ("1", "9"),
        "n": ("1", "2"),
    }
    first, last = values[name]
    rest = "".join(f',"{k}":{v[1]}' for k, v in values.items() if k != name)
    body = f'{{"{name}":{first}{rest},"{name}":{last}}}'.encode()
    request = parse_chat(body)
    sent = relayed(request, model=request.model)
    assert sent.count(f'"{name}":'.encode()) == 1
    assert json.loads(sent)[name] == json.loads(last)
    if name != "messages":
        assert getattr(request.peek, name) == json.loads(last)


def test_a_stream_always_asks_for_usage_and_keeps_the_clients_other_options() -> None:
    request = chat(stream=True, stream_options={"include_obfuscation": False})
    sent = json.loads(relayed(request, model="m"))
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    for options in (None, {"include_usage": False}):
        request = chat(stream=True, stream_options=options)
        sent = json.loads(relayed(request, model="m"))
        assert sent["stream_options"] == {"include_usage": True}
    assert "stream_options" not in json.loads(relayed(chat(), model="m"))


def test_tool_names() -> None:
    tools = [{"type": "function", "function": {"name": "a", "parameters": {}}}, {"type": "web"}]
    assert tool_names(chat(tools=tools)) == ["a", "web"]
    assert tool_names(chat(functions=[{"name": "old"}])) == ["old"]
    custom = {"type": "custom", "custom": {"name": "shell"}, "function": None}
    assert tool_names(chat(tools=[{"function": {"name": "b"}}, custom])) == ["b", "shell"]
    same_twice_inside = (
        b'{"function": {"name": "a", "parameters": {"Id": 1, "id": 2, "x": 1, "x": 2}}}'
    )
    assert tool_names(with_field(b'"tools": [' + same_twice_inside + b"]")) == ["a"]


@pytest.mark.parametrize(
    "field",
    [
        b'"tools": [{"function": {"name": 5}}]',
        b'"tools": [{"function": {}}]',
        b'"tools": [{"function": [["name", "a"]]}]',
        b'"tools": [{"function": {"name": "a"}, "custom": {"name": "b"}}]',
        b'"tools": [{"function": {"name": "a", "name": "b"}}]',
        b'"tools": [{"function": {"name": "a", "\\u006eame": "b"}}]',
        b'"tools": [{"function": {"name": "a", "Name": "b"}}]',
        b'"tools": [{"function": {"name": "a"}, "function": {"name": "b"}}]',
        b'"tools": [{"function": {"name": "a"}, "Function": {"name": "b"}}]',
        b'"tools": [{"type": "web_search", "function": {"name": "a"}}]',
        b'"tools": [{"type": "web_search", "FUNCTION": {"name": "a"}}]',
        b'"tools": [{"type": "a", "type": "web_search"}]',
        b'"tools": [{"type": "function", "name": "a"}]',
        b'"tools": [{"type": "function", "custom": {"name": "a"}}]',
        b'"tools": [{"type": null, "function": {"name": "a"}}]',
        b'"tools": [{"type": 5}]',
        b'"tools": [{"name": "a"}]',
        b'"tools": [5]',
        b'"functions": [{"name": "a", "name": "b"}]',
        b'"functions": [{}]',
        b'"Tools": [{"function": {"name": "a"}}]',
        '"tool\u017f": [{"function": {"name": "a"}}]'.encode(),
    ],
)
def test_a_tool_that_vendors_could_read_differently_has_no_name(field: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tool_names(with_field(field))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "tools")


def usage_in(reported: object) -> Usage | None:
    body = json.dumps({"choices": [{}], "usage": reported}).encode()
    return read_usage(body, provider="p")


def test_usage_is_read_with_its_details() -> None:
    reported = {
        "prompt_tokens": 100,
        "completion_tokens": 70,
        "total_tokens": 170,
        "prompt_tokens_details": {
            "cached_tokens": 40,
            "cache_write_tokens": 20,
            "audio_tokens": 10,
        },
        "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5},
    }
    assert usage_in(reported) == Usage(
        input_tokens=100,
        cached_input_tokens=40,
        cache_write_tokens=20,
        audio_input_tokens=10,
        output_tokens=70,
        reasoning_tokens=20,
        audio_output_tokens=5,
        requests=1,
    )
    assert read_usage(b'{"choices":[{}]}', provider="p") is None


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"prompt_tokens_details": None}, Usage(requests=1)),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": None}},
            Usage(input_tokens=9, requests=1),
        ),
        (  # Moonshot
            {"prompt_tokens": 9, "cached_tokens": 4},
            Usage(input_tokens=9, cached_input_tokens=4, requests=1),
        ),
        (  # DeepSeek
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
            Usage(input_tokens=9, cached_input_tokens=4, requests=1),
        ),
        (  # Perplexity
            {"prompt_tokens": 9, "num_search_queries": 3},
            Usage(input_tokens=9, searches=3, requests=1),
        ),
        (  # xAI: the reasoning is not in the completion, and the total says so
            {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 311,
                "completion_tokens_details": {"reasoning_tokens": 300},
            },
            Usage(input_tokens=9, output_tokens=302, reasoning_tokens=300, requests=1),
        ),
    ],
)
def test_usage_is_read_where_vendors_have_it(reported: object, usage: Usage) -> None:
    assert usage_in(reported) == usage


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 10**30},
        {"prompt_tokens": "many"},
        {"prompt_tokens": 5, "prompt_tokens_details": {"audio_tokens": -1}},
        {"prompt_tokens": 5, "num_search_queries": 10**10},
        [],
        None,
    ],
)
def test_usage_that_cannot_be_true_counts_as_not_said(usage: object) -> None:
    assert usage_in(usage) is None


def test_usage_in_whole_floats_is_read() -> None:
    usage = read_usage(b'{"choices":[{}],"usage":{"prompt_tokens":5.0}}', provider="p")
    assert usage is not None
    assert usage.input_tokens == 5


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"{}",
        b'{"error":{"message":"bad"}}',
        b"[]",
        b'{"choices":[{"message":{"content":"not UTF-8: \xff"}}]}',
    ],
)
def test_a_success_without_completion_is_an_upstream_error(body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read_usage(body, provider="p")
    assert caught.value.status == 502
