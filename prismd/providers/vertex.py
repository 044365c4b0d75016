"""Google Vertex AI: Gemini in a project of one's own, with the key file of an account.

With an API key in its place it is Vertex's express mode, which knows no project.
"""

from prismd.providers.base import GOOGLE_ENDPOINTS, AuthKind, ProviderSpec
from prismd.providers.params import Rules, Unwrap

EXPRESS_URL = "https://aiplatform.googleapis.com/v1/publishers/google"

_COUNTED = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})
"""What its counter takes, and where; the Gemini API's takes a whole request in a field."""

SPEC = ProviderSpec(
    type="vertex",
    title="Google Vertex AI",
    docs_url="https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    base_url="https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers/google",
    auth=AuthKind.GOOGLE_ACCOUNT,
    ops=GOOGLE_ENDPOINTS,
    listing=None,
    prices_id="google",
    rules=Rules(Unwrap("generateContentRequest", _COUNTED)),
)


def base_url(project: str, location: str) -> str:
    """Return where the models of a project are; ``global`` is a location without a host."""
    host = "aiplatform" if location == "global" else f"{location}-aiplatform"
    where = f"projects/{project}/locations/{location}"
    return f"https://{host}.googleapis.com/v1/{where}/publishers/google"
