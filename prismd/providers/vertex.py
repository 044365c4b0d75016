"""Google Vertex AI: models in a project of one's own, with the key file of an account.

Google's own, Anthropic's in their dialect, and others' by OpenAI's. With an API key in place of the
key file it is Vertex's express mode, which knows no project, and Google's models only.
"""

from dataclasses import replace

from prismd.providers.base import GOOGLE_ENDPOINTS, AuthKind, Endpoint, ProviderSpec
from prismd.providers.message_rules import MapRole
from prismd.providers.params import Add, Rules, Unwrap
from prismd.wire.call import DialectName, Op

EXPRESS_URL = "https://aiplatform.googleapis.com/v1"
GOOGLE_PATH = "/publishers/google"

_CLAUDE = ("claude-",)
_OTHERS = ("meta/", "mistralai/", "deepseek-ai/", "qwen/", "openai/", "moonshotai/", "zai-org/")
"""Publishers whose models are served as a service."""
_COUNTED = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})
"""What its counter takes, and where; the Gemini API's takes a whole request in a field."""


def _google(op: Op, *instead: Endpoint) -> Endpoint:
    found = GOOGLE_ENDPOINTS[op]
    stream_path = found.stream_path and GOOGLE_PATH + found.stream_path
    return replace(found, path=GOOGLE_PATH + found.path, stream_path=stream_path, instead=instead)


def _claude(path: str, stream_path: str | None = None) -> Endpoint:
    return Endpoint(path, DialectName.ANTHROPIC, stream_path, models=_CLAUDE)


_CLAUDE_PATH = "/publishers/anthropic/models/{model}"

SPEC = ProviderSpec(
    type="vertex",
    title="Google Vertex AI",
    docs_url="https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    base_url="https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}",
    auth=AuthKind.GOOGLE_ACCOUNT,
    ops={
        Op.CHAT: _google(
            Op.CHAT,
            _claude(f"{_CLAUDE_PATH}:rawPredict", f"{_CLAUDE_PATH}:streamRawPredict"),
            Endpoint("/endpoints/openapi/chat/completions", models=_OTHERS),
        ),
        Op.COUNT_TOKENS: _google(
            Op.COUNT_TOKENS,
            _claude("/publishers/anthropic/models/count-tokens:rawPredict"),
        ),
    },
    passed_headers=frozenset({"anthropic-beta"}),
    listing=None,
    prices_id="google",
    rules=Rules(
        Unwrap("generateContentRequest", _COUNTED),
        MapRole("developer", "system"),
        Add("anthropic_version", "vertex-2023-10-16", models=_CLAUDE),
    ),
)


def base_url(project: str, location: str) -> str:
    """Return where the models of a project are; ``global`` is a location without a host."""
    host = "aiplatform" if location == "global" else f"{location}-aiplatform"
    return f"https://{host}.googleapis.com/v1/projects/{project}/locations/{location}"
