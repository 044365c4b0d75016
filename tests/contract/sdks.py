"""The official SDKs behind one small interface, so that one test can ask each of them the same."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from pydantic import BaseModel

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f"
    b"\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)
"""An image of one pixel."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
"""What both tools of the tests take."""
TOOLS = ("weather", "forecast")


class Recipe(BaseModel):
    """What a structured answer is read into."""

    title: str
    minutes: int


@dataclass
class Said:
    """What an SDK made of an answer."""

    text: str = ""
    thought: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stop: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    pieces: int = 0
    """In how many pieces the words came."""


class Failed(Exception):
    """What an SDK raised: the status, and its own class."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class Sdk(Protocol):
    """One official SDK, speaking to the gateway."""

    name: str
    limits: str
    """Its word for "length" among the reasons to stop."""

    def ask(self, model: str, text: str, **more: Any) -> Said: ...
    def stream(self, model: str, text: str) -> Said: ...
    def call_tools(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        """Offer two tools; answer what is called; return both answers."""
        ...

    def show(self, model: str) -> Said: ...
    def structured(self, model: str) -> Recipe: ...
    def think(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        """Have the model think, then give the thought back with the next turn."""
        ...

    def leave(self, model: str) -> None:
        """Close a stream after its first words."""
        ...

    def models(self) -> list[str]: ...
    def close(self) -> None: ...


class OpenAISdk:
    """``openai``: chat completions."""

    name, limits = "openai", "length"

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)

    def ask(self, model: str, text: str, **more: Any) -> Said:
        return self._said(self._create(model, [{"role": "user", "content": text}], **more))

    def stream(self, model: str, text: str) -> Said:
        return self._streamed(model, [{"role": "user", "content": text}])

    def call_tools(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        turns: list[Any] = [{"role": "user", "content": "Both, please"}]
        offers = [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS
        ]
        how = self._final if stream else self._create
        completion = how(model, turns, tools=offers)
        message = completion.choices[0].message
        turns.append(message.model_dump(exclude_none=True))
        turns += [
            {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: sunny"}
            for call in message.tool_calls or ()
        ]
        return self._said(completion), self._said(self._create(model, turns, tools=offers))

    def show(self, model: str) -> Said:
        import base64

        url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
        return self._said(self._create(model, [{"role": "user", "content": parts}]))

    def structured(self, model: str) -> Recipe:
        completion = self.client.chat.completions.parse(
            model=model,
            messages=[{"role": "user", "content": "cook"}],
            response_format=Recipe,
        )
        parsed = completion.choices[0].message.parsed
        assert parsed is not None
        return parsed

    def think(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        turns: list[Any] = [{"role": "user", "content": "hm"}]
        how = self._final if stream else self._create
        completion = how(model, turns, reasoning_effort="low")
        turns.append(completion.choices[0].message.model_dump(exclude_none=True))
        turns.append({"role": "user", "content": "and?"})
        again = self._create(model, turns, reasoning_effort="low")
        return self._said(completion), self._said(again)

    def leave(self, model: str) -> None:
        try:
            with self.client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "go"}], stream=True
            ) as chunks:
                for chunk in chunks:
                    if chunk.choices and chunk.choices[0].delta.content:
                        return
        except openai.APIStatusError as error:
            raise _openai_failed(error) from None

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def close(self) -> None:
        self.client.close()

    def _create(self, model: str, turns: list[Any], **more: Any) -> Any:
        try:
            return self.client.chat.completions.create(model=model, messages=turns, **more)
        except openai.APIStatusError as error:
            raise _openai_failed(error) from None

    def _final(self, model: str, turns: list[Any], **more: Any) -> Any:
        options: Any = {"include_usage": True}
        with self.client.chat.completions.stream(
            model=model,
            messages=turns,
            stream_options=options,
            **more,
        ) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion()

    def _streamed(self, model: str, turns: list[Any]) -> Said:
        said = Said()
        try:
            chunks = self.client.chat.completions.create(
                model=model, messages=turns, stream=True, stream_options={"include_usage": True}
            )
            for chunk in chunks:
                if chunk.usage is not None:
                    said.input_tokens = chunk.usage.prompt_tokens
                    said.output_tokens = chunk.usage.completion_tokens
                for choice in chunk.choices:
                    said.text += choice.delta.content or ""
                    said.pieces += bool(choice.delta.content)
                    said.stop = choice.finish_reason or said.stop
        except openai.APIStatusError as error:
            raise _openai_failed(error) from None
        return said

    def _said(self, completion: Any) -> Said:
        choice, usage = completion.choices[0], completion.usage
        message = choice.message
        return Said(
            text=message.content or "",
            thought=getattr(message, "reasoning_content", None) or "",
            calls=[
                (call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or ()
            ],
            stop=choice.finish_reason,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
        )


def _openai_failed(error: openai.APIStatusError) -> Failed:
    return Failed(error.status_code, type(error).__name__, error.message)


class AnthropicSdk:
    """``anthropic``: messages."""

    name, limits = "anthropic", "max_tokens"

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20)

    def ask(self, model: str, text: str, **more: Any) -> Said:
        return self._said(self._create(model, [{"role": "user", "content": text}], **more))

    def stream(self, model: str, text: str) -> Said:
        said = Said()
        with self.client.messages.stream(
            model=model, max_tokens=500, messages=[{"role": "user", "content": text}]
        ) as stream:
            said.pieces = sum(1 for _ in stream.text_stream)
            final = self._said(stream.get_final_message())
        final.pieces = said.pieces
        return final

    def call_tools(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        turns: list[Any] = [{"role": "user", "content": "Both, please"}]
        offers = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]
        how = self._final if stream else self._create
        message = how(model, turns, tools=offers)
        turns.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": f"{block.name}: sunny"}
            for block in message.content
            if block.type == "tool_use"
        ]
        turns.append({"role": "user", "content": results})
        return self._said(message), self._said(self._create(model, turns, tools=offers))

    def show(self, model: str) -> Said:
        import base64

        source = {
            "type": "base64",
            "media_type": "image/png",
            "data": base64.b64encode(PNG).decode(),
        }
        parts = [{"type": "text", "text": "look"}, {"type": "image", "source": source}]
        return self._said(self._create(model, [{"role": "user", "content": parts}]))

    def structured(self, model: str) -> Recipe:
        message = self.client.messages.parse(
            model=model,
            max_tokens=500,
            messages=[{"role": "user", "content": "cook"}],
            output_format=Recipe,
        )
        assert message.parsed_output is not None
        return message.parsed_output

    def think(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        turns: list[Any] = [{"role": "user", "content": "hm"}]
        thinking = {"type": "enabled", "budget_tokens": 1024}
        how = self._final if stream else self._create
        message = how(model, turns, thinking=thinking, max_tokens=2000)
        turns.append({"role": "assistant", "content": message.content})
        turns.append({"role": "user", "content": "and?"})
        again = self._create(model, turns, thinking=thinking, max_tokens=2000)
        return self._said(message), self._said(again)

    def leave(self, model: str) -> None:
        with self.client.messages.stream(
            model=model, max_tokens=500, messages=[{"role": "user", "content": "go"}]
        ) as stream:
            for _ in stream.text_stream:
                return

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def close(self) -> None:
        self.client.close()

    def _create(self, model: str, turns: list[Any], **more: Any) -> Any:
        try:
            return self.client.messages.create(
                model=model, messages=turns, **{"max_tokens": 500, **more}
            )
        except anthropic.APIStatusError as error:
            raise Failed(error.status_code, type(error).__name__, error.message) from None

    def _final(self, model: str, turns: list[Any], **more: Any) -> Any:
        with self.client.messages.stream(
            model=model, messages=turns, **{"max_tokens": 500, **more}
        ) as stream:
            return stream.get_final_message()

    def _said(self, message: Any) -> Said:
        said = Said(stop=message.stop_reason)
        for block in message.content:
            if block.type == "text":
                said.text += block.text
            elif block.type == "thinking":
                said.thought += block.thinking
            elif block.type == "tool_use":
                said.calls.append((block.name, block.input))
        said.input_tokens = message.usage.input_tokens
        said.output_tokens = message.usage.output_tokens
        return said


class GoogleSdk:
    """``google-genai``: generateContent."""

    name, limits = "google", "MAX_TOKENS"

    def __init__(self, url: str, key: str) -> None:
        options = types.HttpOptions(base_url=url, timeout=20_000)
        self.client = genai.Client(api_key=key, http_options=options)

    def ask(self, model: str, text: str, **more: Any) -> Said:
        if "max_tokens" in more:
            more["max_output_tokens"] = more.pop("max_tokens")
        return self._said(self._create(model, text, **more))

    def stream(self, model: str, text: str) -> Said:
        said = Said()
        for chunk in self._stream(model, text):
            piece = self._said(chunk)
            said.text += piece.text
            said.pieces += bool(piece.text)
            said.stop = piece.stop or said.stop
            said.input_tokens = piece.input_tokens or said.input_tokens
            said.output_tokens = piece.output_tokens or said.output_tokens
        return said

    def call_tools(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        offers = [
            types.Tool(
                function_declarations=[
                    types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA)
                    for name in TOOLS
                ]
            )
        ]
        off = types.AutomaticFunctionCallingConfig(disable=True)
        turns: list[Any] = [types.Content(role="user", parts=[types.Part(text="Both, please")])]
        more = {"tools": offers, "automatic_function_calling": off}
        said, content = self._whole(model, turns, stream=stream, **more)
        turns.append(content)
        calls = [part.function_call for part in content.parts or () if part.function_call]
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"result": f"{call.name}: sunny"}
                )
            )
            for call in calls
        ]
        turns.append(types.Content(role="user", parts=results))
        return said, self._said(self._create(model, turns, **more))

    def show(self, model: str) -> Said:
        parts = [types.Part(text="look"), types.Part.from_bytes(data=PNG, mime_type="image/png")]
        return self._said(self._create(model, [types.Content(role="user", parts=parts)]))

    def structured(self, model: str) -> Recipe:
        answer = self._create(
            model, "cook", response_mime_type="application/json", response_schema=Recipe
        )
        assert isinstance(answer.parsed, Recipe), answer
        return answer.parsed

    def think(self, model: str, *, stream: bool = False) -> tuple[Said, Said]:
        config = types.ThinkingConfig(thinking_budget=1024, include_thoughts=True)
        turns: list[Any] = [types.Content(role="user", parts=[types.Part(text="hm")])]
        said, content = self._whole(model, turns, stream=stream, thinking_config=config)
        turns += [content, types.Content(role="user", parts=[types.Part(text="and?")])]
        return said, self._said(self._create(model, turns, thinking_config=config))

    def leave(self, model: str) -> None:
        stream = self._stream(model, "go")
        for chunk in stream:
            if chunk.text:
                stream.close()
                return

    def models(self) -> list[str]:
        return [(model.name or "").removeprefix("models/") for model in self.client.models.list()]

    def close(self) -> None:
        self.client.close()

    def _create(self, model: str, contents: Any, **config: Any) -> Any:
        try:
            return self.client.models.generate_content(
                model=model, contents=contents, config=types.GenerateContentConfig(**config)
            )
        except genai_errors.APIError as error:
            raise Failed(error.code, type(error).__name__, error.message or "") from None

    def _stream(self, model: str, contents: Any, **config: Any) -> Any:
        return self.client.models.generate_content_stream(
            model=model, contents=contents, config=types.GenerateContentConfig(**config)
        )

    def _whole(
        self, model: str, turns: list[Any], *, stream: bool, **config: Any
    ) -> tuple[Said, types.Content]:
        """Return an answer, and the turn that stands for it in what follows."""
        if not stream:
            answer = self._create(model, turns, **config)
            return self._said(answer), answer.candidates[0].content
        said = Said()
        parts: list[types.Part] = []
        for chunk in self._stream(model, turns, **config):
            piece = self._said(chunk)
            said.text += piece.text
            said.thought += piece.thought
            said.calls += piece.calls
            said.stop = piece.stop or said.stop
            for candidate in chunk.candidates or ():
                parts += (candidate.content and candidate.content.parts) or ()
        return said, types.Content(role="model", parts=parts)

    def _said(self, answer: Any) -> Said:
        said = Said()
        for candidate in answer.candidates or ():
            said.stop = candidate.finish_reason.value if candidate.finish_reason else None
            for part in (candidate.content and candidate.content.parts) or ():
                if part.function_call:
                    said.calls.append((part.function_call.name, part.function_call.args))
                elif part.thought:
                    said.thought += part.text or ""
                else:
                    said.text += part.text or ""
        if (usage := answer.usage_metadata) is not None:
            said.input_tokens = usage.prompt_token_count
            said.output_tokens = (usage.candidates_token_count or 0) + (
                usage.thoughts_token_count or 0
            )
        return said


ALL = (OpenAISdk, AnthropicSdk, GoogleSdk)


def each(url: str, key: str) -> Iterator[Sdk]:
    """Make a client of every SDK."""
    for sdk in ALL:
        yield sdk(url, key)
