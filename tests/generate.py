"""Write the generated blocks of the READMEs: ``python -m tests.generate [--check]``.

A block stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``. With ``--check`` nothing is written,
and a block that is not current ends with exit code 1.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from prismctl.exits import ExitCode
from prismd.app import declared_policies
from prismd.config.model import Config
from prismd.providers.registry import ALL

ROOT = Path(__file__).parent.parent


def vendors() -> str:
    """Return the table of ``type:`` words."""
    lines = ["| `type` | vendor | key looked for in | reached at |", "|---|---|---|---|"]
    for spec in ALL:
        keys = ", ".join(f"`{name}`" for name in spec.api_key_env) or "–"
        where = f"`{spec.base_url}`" if spec.base_url else "in the daemon" if spec.type == "fake" else "`base_url` of your choice"
        lines.append(f"| `{spec.type}` | {spec.title} | {keys} | {where} |")
    return "\n".join(lines)


def routes() -> str:
    """Return the table of served routes."""
    lines = ["| method | path | who |", "|---|---|---|"]
    for (method, path), policy in declared_policies().items():
        lines.append(f"| {method} | `{path.replace(':path}', '}')}` | {policy} |")
    return "\n".join(lines)


def settings() -> str:
    """Return the table of settings, from the configuration's own documentation."""
    lines = ["| section | what |", "|---|---|"]
    for name, field in Config.model_fields.items():
        lines.append(f"| `{name}` | {' '.join((field.description or '').split())} |")
    return "\n".join(lines)


def exit_codes() -> str:
    """Return the table of ``prismctl``'s exit codes."""
    lines = ["| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {code.__doc__} |" for code in ExitCode]
    return "\n".join(lines)


BLOCKS: dict[str, list[tuple[str, Callable[[], str]]]] = {
    "README.md": [
        ("vendors", vendors),
        ("routes", routes),
        ("settings", settings),
        ("exit-codes", exit_codes),
    ],
}


def main() -> int:
    """Write or check every block."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    stale = []
    for name, blocks in BLOCKS.items():
        path = ROOT / name
        before = after = path.read_text("utf-8")
        for block, render in blocks:
            pattern = rf"(<!-- {block} -->\n).*?(\n<!-- /{block} -->)"
            after, count = re.subn(
                pattern, lambda m, text=render(): m[1] + text + m[2], after, flags=re.DOTALL
            )
            if count != 1:
                sys.exit(f"{name} has no block {block}")
        if after != before:
            stale.append(name)
            if not is_check:
                path.write_text(after, "utf-8")
    for name in stale:
        print(f"{name}: {'not current; run python -m tests.generate' if is_check else 'written'}")
    return 1 if stale and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
