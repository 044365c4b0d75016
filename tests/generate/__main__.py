"""Write or check all that is generated; what is not current with ``--check`` is exit code 1."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from prismctl.commands.completion_scripts import SCRIPTS
from tests.generate import config_page, prismctl_pages, prismd_page, readme

ROOT = Path(__file__).parents[2]
COMPLETIONS = {"bash": "prismctl.bash", "zsh": "_prismctl", "fish": "prismctl.fish"}
OWNED = ("man", "completions")
"""Directories in which nothing else may be."""


def files() -> Iterator[tuple[str, str]]:
    """Return the path and the content of every generated file."""
    yield from readme.files(ROOT)
    for page in (*prismctl_pages.pages(), prismd_page.page(), config_page.page()):
        yield f"man/{page.file}", page.source_text()
    for shell, name in COMPLETIONS.items():
        yield f"completions/{name}", SCRIPTS[shell]


def main() -> int:
    """Write or check every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    wanted = dict(files())
    stale = []
    for name, content in wanted.items():
        path = ROOT / name
        if not path.is_file() or path.read_text("utf-8") != content:
            stale.append((name, "written"))
            if not is_check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(content, "utf-8")
    for path in (path for folder in OWNED for path in sorted((ROOT / folder).glob("*"))):
        if (name := f"{path.parent.name}/{path.name}") not in wanted:
            stale.append((name, "removed"))
            if not is_check:
                path.unlink()
    for name, done in stale:
        print(f"{name}: {'not current; run python -m tests.generate' if is_check else done}")
    return 1 if stale and is_check else 0


if __name__ == "__main__":
    sys.exit(main())
