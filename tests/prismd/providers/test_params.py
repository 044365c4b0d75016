"""Rules as a vendor's table has them, on values and on bytes that nobody has read."""

import json

import msgspec
import pytest

from prismd.kernel import jsonio
from prismd.providers import anthropic, azure, bedrock, deepseek, groq, mistral, openai, xai
from prismd.providers.message_rules import DropOfMessages, MapRole, SchemaAsText
from prismd.providers.params import (
    NO_RULES,
    Clamp,
    Drop,
    Inside,
    MapValue,
    Omit,
    OneOf,
    Rename,
    Rule,
    Rules,
    Unwrap,
)
from prismd.providers.registry import ALL

Raw = msgspec.Raw


def applied(
    rules: Rules, fields: dict[str, object], model: str = "m"
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Apply rules to fields as values and as a client's bytes: both must give the same."""
    as_bytes: dict[str, object] = {
        name: Raw(jsonio.encode(value)) for name, value in fields.items()
    }
    lost = rules.apply(model, as_bytes)
    as_values = dict(fields)
    assert rules.apply(model, as_values) == lost
    left = jsonio.decode(jsonio.encode(as_bytes))
    assert jsonio.decode(jsonio.encode(as_values)) == left
    return left, lost


@pytest.mark.parametrize(
    ("rule", "before", "after", "lost"),
    [
        (Drop("a"), {"a": 5, "b": 1}, {"b": 1}, ("a",)),
        (Drop("a"), {"a": None}, {}, ()),
        (Drop("a"), {"b": 1}, {"b": 1}, ()),
        (Drop("a", unless=1), {"a": 1.0}, {}, ()),
        (Drop("a", unless=False), {"a": True}, {}, ("a",)),
        (Omit("a"), {"a": 5, "b": 1}, {"b": 1}, ()),
        (Omit("a"), {}, {}, ()),
        (Rename("a", "b"), {"a": 5}, {"b": 5}, ()),
        (Rename("a", "b"), {"a": 5, "b": 6}, {"b": 6}, ()),
        (Rename("a", "b"), {"a": 5, "b": None}, {"b": 5}, ()),
        (Rename("a", "b"), {"a": None, "b": 6}, {"b": 6}, ()),
        (Clamp("a", 0, 1), {"a": 1.5}, {"a": 1}, ("a",)),
        (Clamp("a", 0, 1), {"a": -1}, {"a": 0}, ("a",)),
        (Clamp("a", 0, 1), {"a": 0.5}, {"a": 0.5}, ()),
        (Clamp("a", 0, 1), {"a": "hot"}, {"a": "hot"}, ()),
        (Clamp("a", 2, 3), {"a": True}, {"a": True}, ()),
        (MapValue("a", {"x": "y"}), {"a": "x"}, {"a": "y"}, ()),
        (MapValue("a", {"x": "y"}), {"a": {"x": 1}}, {"a": {"x": 1}}, ()),
        (OneOf("a", "b"), {"a": 1, "b": 2}, {"a": 1}, ("b",)),
        (OneOf("a", "b"), {"a": None, "b": 2}, {"a": None, "b": 2}, ()),
        (OneOf("a", "b", unless=1), {"a": 2, "b": 1}, {"a": 2}, ()),
        (
            DropOfMessages("name", "message_name"),
            {"messages": [{"role": "user", "name": "ana"}, {"role": "user", "content": "name"}]},
            {"messages": [{"role": "user"}, {"role": "user", "content": "name"}]},
            ("message_name",),
        ),
        (
            DropOfMessages("name", "message_name"),
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, 3]},
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, 3]},
            (),
        ),
        (Inside("a", Drop("b"), "x"), {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}, ("x",)),
        (Inside("a", Drop("b"), "x"), {"a": {"c": 2}}, {"a": {"c": 2}}, ()),
        (Inside("a", Drop("b"), "x"), {"a": [1]}, {"a": [1]}, ()),
        (Inside("a", Drop("b"), "x"), {"c": 1}, {"c": 1}, ()),
        (
            MapRole("developer", "system"),
            {"messages": [{"role": "developer", "content": "x"}, {"role": "user"}]},
            {"messages": [{"role": "system", "content": "x"}, {"role": "user"}]},
            (),
        ),
        (
            MapRole("developer", "system"),
            {"messages": [{"role": "user", "content": "developer"}, 3]},
            {"messages": [{"role": "user", "content": "developer"}, 3]},
            (),
        ),
        (MapRole("developer", "system"), {"prompt": "x"}, {"prompt": "x"}, ()),
        (
            SchemaAsText(),
            {"messages": [], "response_format": {"type": "json_object"}},
            {"messages": [], "response_format": {"type": "json_object"}},
            (),
        ),
        (SchemaAsText(), {"messages": []}, {"messages": []}, ()),
    ],
    ids=repr,
)
def test_a_rule(
    rule: Rule, before: dict[str, object], after: dict[str, object], lost: tuple[str, ...]
) -> None:
    assert applied(Rules(rule), before) == (after, lost)


def test_a_schema_becomes_words_and_is_told_as_lost() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    fields: dict[str, object] = {
        "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    }
    left, lost = applied(Rules(SchemaAsText()), fields)
    assert lost == ("json_format",)
    assert left["response_format"] == {"type": "json_object"}
    messages = left["messages"]
    assert isinstance(messages, list)
    told, asked = messages
    assert asked == {"role": "user", "content": "x"}
    assert told["role"] == "system"
    assert json.loads(told["content"].partition("schema: ")[2]) == schema


@pytest.mark.parametrize("value", ['{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 5_000 + "]" * 5_000])
@pytest.mark.parametrize(
    "rule", [Drop("a", unless=1), Clamp("a", 0, 1), MapValue("a", {"x": "y"}), OneOf("a", "b")]
)
def test_what_is_nested_deeply_does_no_harm(rule: Rule, value: str) -> None:
    Rules(rule).apply("m", {"a": Raw(value.encode()), "b": 1})


@pytest.mark.parametrize(
    "rule", [MapRole("user", "x"), DropOfMessages("role", "x"), SchemaAsText()]
)
@pytest.mark.parametrize("messages", ["3", '{"role":"user"}', '"user"', "null", '["user", [1]]'])
def test_messages_that_are_none_are_left_to_the_vendor(rule: Rule, messages: str) -> None:
    fields: dict[str, object] = {"messages": Raw(messages.encode()), "response_format": Raw(b"3")}
    Rules(rule).apply("m", fields)
    assert json.loads(jsonio.encode(fields)) == {
        "messages": json.loads(messages),
        "response_format": 3,
    }


def test_a_rule_is_for_the_models_that_it_names() -> None:
    rules = Rules(Drop("a", models=("o1", "o3"), but=("o1-nice",)))
    for model, lost in (
        ("o1", ("a",)),
        ("o3-mini", ("a",)),
        ("openai/o3", ("a",)),
        ("o1-nice-2", ()),
        ("gpt-4o", ()),
    ):
        assert rules.apply(model, {"a": 1}) == lost, model


def test_without_rules_nothing_is_looked_at() -> None:
    fields: dict[str, object] = {"a": Raw(b"not json")}
    assert NO_RULES.apply("m", fields) == ()
    assert Rules(Drop("a", models=("x",))).apply("m", fields) == ()
    assert fields == {"a": Raw(b"not json")}


CHAT: dict[str, object] = {
    "model": "m",
    "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "x"}],
    "max_tokens": 9,
    "temperature": 0.2,
    "top_p": 0.9,
    "seed": 7,
    "tool_choice": "required",
    "logprobs": True,
    "stop": ["\n"],
    "n": 1,
    "user": "u",
}


@pytest.mark.parametrize(
    ("rules", "model", "gone", "there", "lost"),
    [
        (
            openai.OPENAI_RULES,
            "gpt-5-mini",
            {"max_tokens", "temperature", "top_p", "logprobs", "stop"},
            {"max_completion_tokens": 9, "seed": 7},
            {"temperature", "top_p", "logprobs", "stop"},
        ),
        (openai.OPENAI_RULES, "gpt-4o", {"max_tokens"}, {"temperature": 0.2}, set()),
        (openai.OPENAI_RULES, "gpt-5.1", {"max_tokens"}, {"temperature": 0.2}, set()),
        (
            openai.OPENAI_RULES,
            "gpt-5.6",
            {"max_tokens", "temperature", "top_p", "logprobs", "stop"},
            {},
            {"temperature", "top_p", "logprobs", "stop"},
        ),
        (openai.OPENAI_RULES, "gpt-5-chat-latest", {"max_tokens"}, {"temperature": 0.2}, set()),
        (openai.OPENAI_RULES, "gpt-3.5-turbo-instruct", set(), {"max_tokens": 9}, set()),
        (
            mistral.SPEC.rules,
            "mistral-large",
            {"seed", "user", "logprobs"},
            {"random_seed": 7, "tool_choice": "any", "max_tokens": 9},
            {"user", "logprobs"},
        ),
        (groq.SPEC.rules, "llama", {"logprobs", "n"}, {"seed": 7}, {"logprobs"}),
        (deepseek.SPEC.rules, "deepseek-chat", set(), {"logprobs": True}, set()),
        (deepseek.SPEC.rules, "deepseek-reasoner", {"logprobs"}, {}, {"logprobs"}),
        (xai.SPEC.rules, "grok-4-0709", {"stop"}, {"temperature": 0.2}, {"stop"}),
        (xai.SPEC.rules, "grok-4-fast-non-reasoning", set(), {"stop": ["\n"]}, set()),
        (
            anthropic.SPEC.rules,
            "claude-opus-4-7",
            {"temperature", "top_p"},
            {},
            {"temperature", "top_p"},
        ),
        (anthropic.SPEC.rules, "claude-sonnet-4-5", {"top_p"}, {"temperature": 0.2}, {"top_p"}),
        (anthropic.SPEC.rules, "claude-3-5-haiku-latest", set(), {"top_p": 0.9}, set()),
        (azure.of_version("2024-02-01").rules, "mine", set(), {"max_tokens": 9}, set()),
        (
            azure.of_version("2024-10-21").rules,
            "mine",
            {"max_tokens"},
            {"max_completion_tokens": 9},
            set(),
        ),
    ],
)
def test_what_vendors_are_told(
    rules: Rules, model: str, gone: set[str], there: dict[str, object], lost: set[str]
) -> None:
    left, told = applied(rules, CHAT, model)
    assert set(CHAT) - set(left) == gone
    assert {name: left[name] for name in there} == there
    assert set(told) == lost


@pytest.mark.parametrize(
    ("model", "left", "lost"),
    [
        ("us.anthropic.claude-opus-4-7-v1:0", {"maxTokens": 9}, {"temperature", "top_p"}),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-v1:0",
            {"maxTokens": 9, "temperature": 0.2},
            {"top_p"},
        ),
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            {"maxTokens": 9, "temperature": 0.2, "topP": 0.9},
            set(),
        ),
        ("amazon.nova-lite-v1:0", {"maxTokens": 9, "temperature": 0.2, "topP": 0.9}, set()),
    ],
)
def test_what_models_of_bedrock_are_told(
    model: str, left: dict[str, object], lost: set[str]
) -> None:
    settings = {"maxTokens": 9, "temperature": 0.2, "topP": 0.9}
    fields, told = applied(bedrock.SPEC.rules, {"inferenceConfig": settings}, model)
    assert fields == {"inferenceConfig": left}
    assert set(told) == lost


def test_no_rule_changes_what_asks_for_nothing_special() -> None:
    plain: dict[str, object] = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "stream": True,
    }
    for spec in ALL:
        assert applied(spec.rules, plain) == (plain, ()), spec.type


@pytest.mark.parametrize(
    ("given", "told"),
    [({"a": {"b": 1, "c": 2}, "d": 3}, {"b": 1, "d": 3}), ({"b": 1, "c": 2}, {"b": 1, "c": 2})],
)
def test_a_wrapped_request_is_told_at_the_top_level(
    given: dict[str, object], told: dict[str, object]
) -> None:
    assert Unwrap("a", frozenset({"b"})).apply(given) is None
    assert given == told
