"""The manual page of prism.yaml, from the JSON schema of the configuration."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from prismd import __version__
from prismd.config import values
from prismd.config.model import schema
from tests.generate import DATE
from tests.generate.roff import Page, bold, literal

EXAMPLE = """\
server:
  host: 127.0.0.1
  port: 8080
  data_dir: /var/lib/prism
providers:
  openai:
    type: openai
    api_key: env:OPENAI_API_KEY
  lab:
    type: vllm
    base_url: http://10.0.0.7:8000/v1
model_map:
  small: openai/gpt-5-mini
routing:
  failover: {enabled: true}
"""

Node = dict[str, Any]
"""A piece of JSON schema."""

WORDS = {
    json.dumps(TypeAdapter(type_).json_schema(), sort_keys=True): word
    for type_, word in (
        (values.Duration, "time"),
        (values.Size, "size"),
        (values.UsdPerMillion, "dollars"),
        (values.UsdPerUnit, "dollars"),
    )
}
"""What is written in several ways has a name of its own."""


def page() -> Page:
    """Return the page."""
    page = Page("prism.yaml", 5, f"prismd {__version__}", DATE, "configuration of prismd")
    whole: Node = schema()
    page.heading("description")
    page.text(
        "`prism.yaml` is what `prismd serve --config` reads: one file, or a directory of them. "
        "Every section may be left out. A name that is not listed here is an error, and every "
        "error is told with file, line and column: `prismd check prism.yaml`.",
        "A changed file, SIGHUP and `prismctl config reload` put it in force, whole or not at all, "
        "without dropping a request. `prismctl config show` says what is in force, and what needs "
        "a restart.",
        "A time is text such as 30s, 500ms or 1m30s, or a number of seconds. A size is text such "
        "as 20MiB, or a number of bytes. Dollars are plain decimals and held exactly. A reference "
        "is `env:NAME` or `file:/path`: a secret itself never stands in the file.",
    )
    settings = Settings(whole["$defs"])
    for name, node in whole["properties"].items():
        page.heading(name)
        page.text(settings.about(node))
        page.terms(settings.below(node, name))
    page.heading("examples")
    page.examples(EXAMPLE.splitlines())
    page.see([("prismctl", 1), ("prismctl-config", 1), ("prismd", 8)])
    return page


class Settings:
    """The settings below a node of the schema, each with what it may be and its text."""

    def __init__(self, definitions: Node) -> None:
        self._definitions = definitions

    def about(self, node: Node) -> str:
        """Return the text of a section."""
        text: str = (self._section(node) or node)["description"]
        return text

    def below(self, node: Node, path: str) -> Iterator[tuple[str, str]]:
        """Return what is below a node: the settings of its section, or what its values are."""
        of_each = node.get("additionalProperties")
        section = self._section(node) or self._section(of_each)
        if section is None:
            yield bold(f"{path}.<name>"), f"{self.type(of_each or {})}."
            return
        inner = f"{path}." if self._section(node) else f"{path}.<name>."
        for name, setting in section["properties"].items():
            about = setting.get("description", "")
            if self._section(setting) or self._section(setting.get("additionalProperties")):
                yield bold(inner + name), about
                yield from self.below(setting, inner + name)
            else:
                is_required = name in section.get("required", ())
                yield f"{bold(inner + name)}  {self._note(setting, is_required)}", about

    def type(self, node: Node) -> str:
        """Say what a value may be."""
        choices = [one for one in node.get("anyOf", [node]) if one.get("type") != "null"]
        known = WORDS.get(json.dumps({"anyOf": choices}, sort_keys=True))
        if known or len(choices) > 1:
            return known or " or ".join(self.type(one) for one in choices)
        (one,) = choices
        if "enum" in one or "const" in one:
            return " | ".join(one.get("enum", [one.get("const")]))
        if one.get("format") == "secret-ref":
            return "reference"
        match one["type"]:
            case "array":
                return f"list: {self.type(one['items'])}"
            case "object":
                return f"name: {self.type(one['additionalProperties'])}"
            case "integer":
                return f"number{_range(one)}"
            case "boolean":
                return "true | false"
        return "text"

    def _note(self, node: Node, is_required: bool) -> str:
        type_ = self.type(node)
        default = node.get("default")
        if is_required:
            return literal(f"({type_}; required)")
        if default in (None, {}, []):
            return literal(f"({type_})")
        return literal(f"({type_}; default {_written(default, type_)})")

    def _section(self, node: Any) -> Node | None:
        if not isinstance(node, dict):
            return None
        for one in node.get("anyOf", [node]):
            found: Node | None = self._definitions.get(one.get("$ref", "").removeprefix("#/$defs/"))
            if found is not None:
                return found
        return None


def _range(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if high is None:
        return "" if low is None else f", at least {low:,}"
    return f", {low:,} to {high:,}"


def _written(default: Any, type_: str) -> str:
    """Write a default as people do."""
    if type_ == "time":
        return f"{default:g}s"
    if type_ == "size":
        return f"{default // 1024**2}MiB"
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return json.dumps(default) if isinstance(default, bool) else str(default)
