"""Where an installed Prism has its manual pages and completions; hatchling runs it."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPLETIONS = {
    "prismctl.bash": "share/bash-completion/completions/prismctl",
    "_prismctl": "share/zsh/site-functions/_prismctl",
    "prismctl.fish": "share/fish/vendor_completions.d/prismctl.fish",
}


class Share(BuildHookInterface):
    """Adds ``share/`` of the environment to the wheel."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Say which file goes where; ``man`` finds pages by their section."""
        del version
        root = Path(self.root)
        files = {
            f"man/{page.name}": f"share/man/man{page.suffix[1:]}/{page.name}"
            for page in sorted((root / "man").iterdir())
        }
        files |= {f"completions/{name}": place for name, place in COMPLETIONS.items()}
        build_data["shared_data"] = {str(root / name): place for name, place in files.items()}
