"""What is wrong with a configuration, and at which name. Lines are added by ``load``."""

ConfigPath = tuple[str | int, ...]
"""Names from the root, and indexes into lists: ``("providers", "local", "models", 0)``."""


class ConfigProblem(Exception):
    """One setting that cannot be put in force. ``LoadedConfig.explain`` finds its line."""

    def __init__(self, path: ConfigPath, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        """A whole clause that names the setting (``dotted(path)``) and never quotes its value."""


def dotted(path: ConfigPath) -> str:
    """Write a path as it is spoken of: ``providers.local.models[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
