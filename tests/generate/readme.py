"""The generated blocks of the READMEs: each between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel
from typer.core import TyperGroup

from prismctl.cli import load
from prismctl.exits import ExitCode
from prismctl.main import COMMANDS
from prismctl.tui import keys
from prismctl.tui.key_table import TABLE, TITLES
from prismd.app import HOT
from prismd.config.model import Config
from prismd.providers import fake
from prismd.providers.base import ProviderSpec
from prismd.providers.formats import spoken
from prismd.providers.registry import ALL
from prismd.rooms import declared_policies
from prismd.wire.call import Op
from tests.faults import table as faults


def vendors() -> str:
    """Return the table of ``type:`` words."""
    lines = ["| `type` | vendor | key looked for in | reached at |", "|---|---|---|---|"]
    for spec in ALL:
        keys = ", ".join(f"`{name}`" for name in spec.api_key_env) or "-"
        where = f"`{spec.base_url}`" if spec.base_url else "the `base_url` that you give"
        if spec is fake.SPEC:
            where = "inside the daemon"
        lines.append(f"| `{spec.type}` | {spec.title} | {keys} | {where} |")
    return "\n".join(lines)


def capabilities() -> str:
    """Return the table of what each vendor does itself, and what is done for it."""
    lines = [
        f"| `type` | speaks | {' | '.join(f'`{op}`' for op in Op)} | models |",
        f"|---|---|{'---|' * len(Op)}---|",
    ]
    for spec in ALL:
        own = _speaks(spec)
        cells = [_cell(spec, op) for op in Op]
        listed = "asked for" if spec.listing is not None else "listed by you"
        lines.append(f"| `{spec.type}` | {own} | {' | '.join(cells)} | {listed} |")
    return "\n".join(lines)


def _speaks(spec: ProviderSpec) -> str:
    own = ", ".join(f"`{name}`" for name in spoken(spec))
    others = dict.fromkeys(endpoint.dialect for endpoint in spec.ops[Op.CHAT].instead)
    return f"{own}; some models {', '.join(f'`{name}`' for name in others)}" if others else own


def _cell(spec: ProviderSpec, op: Op) -> str:
    endpoint = spec.ops.get(op)
    if endpoint is not None:
        return "yes" if not endpoint.models else "some models"
    return _INSTEAD.get(op, "")


_INSTEAD = {Op.COMPLETIONS: "as a chat", Op.COUNT_TOKENS: "counted here"}


def routes() -> str:
    """Return the table of served routes."""
    lines = ["| method | path | who |", "|---|---|---|"]
    for (method, path), policy in declared_policies(HOT).items():
        lines.append(f"| {method} | `{path.replace(':path}', '}')}` | {policy} |")
    return "\n".join(lines)


def settings() -> str:
    """Return the table of settings, from the configuration's own documentation."""
    return "\n".join(["| setting | what |", "|---|---|", *_fields(Config, "")])


def _fields(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner, path = _section_in(field.annotation), prefix + name
        if inner is None:
            text = " ".join((field.description or "").replace("``", "`").split())
            yield f"| `{path}` | {text} |"
        else:
            is_mapping = get_origin(field.annotation) is Mapping
            yield from _fields(inner, f"{path}.<name>." if is_mapping else f"{path}.")


def _section_in(annotation: object) -> type[BaseModel] | None:
    """Return the section that a field holds: itself, optional, or as the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _section_in(inner)) is not None:
            return found
    return None


def commands() -> str:
    """Return the table of ``prismctl``'s commands and their verbs."""
    lines = ["| command | verbs | what |", "|---|---|---|"]
    for name, entry in COMMANDS.items():
        command = load(name)
        verbs = " ".join(command.commands) if isinstance(command, TyperGroup) else ""
        lines.append(f"| `{name}` | {verbs} | {entry.help} |")
    return "\n".join(lines)


def exit_codes() -> str:
    """Return the table of ``prismctl``'s exit codes."""
    lines = ["| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {code.__doc__} |" for code in ExitCode]
    return "\n".join(lines)


def dashboard_keys() -> str:
    """Return the table of the dashboard's keys."""
    lines = ["| key | where | what |", "|---|---|---|"]
    for key in TABLE:
        if key.action.startswith("go("):
            continue
        pressed = " ".join(f"`{name}`" for name in keys.shown(key, {}, is_whole=True).split())
        only = " (only with `--write`)" if key.is_dangerous else ""
        lines.append(f"| {pressed} | {TITLES.get(key.context, key.context)} | {key.help}{only} |")
    return "\n".join(lines)


BLOCKS: dict[str, list[tuple[str, Callable[[], str]]]] = {
    "README.md": [
        ("vendors", vendors),
        ("capabilities", capabilities),
        ("faults", faults.as_markdown),
        ("routes", routes),
        ("settings", settings),
        ("commands", commands),
        ("exit-codes", exit_codes),
        ("dashboard-keys", dashboard_keys),
    ],
}


def files(root: Path) -> Iterator[tuple[str, str]]:
    """Return each README with its blocks as they must be."""
    for name, blocks in BLOCKS.items():
        text = (root / name).read_text("utf-8")
        for block, render in blocks:
            begin, end = f"<!-- {block} -->\n", f"<!-- /{block} -->"
            head, _, rest = text.partition(begin)
            if end not in rest:
                sys.exit(f"{name} has no block {block}")
            text = head + begin + render() + "\n" + end + rest.partition(end)[2]
        yield name, text
