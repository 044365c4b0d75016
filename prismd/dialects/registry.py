"""All dialects. Explicit: no import magic."""

from collections.abc import Mapping

from prismd.dialects.anthropic import Anthropic
from prismd.dialects.base import Dialect
from prismd.dialects.bedrock import Bedrock
from prismd.dialects.cohere import Cohere
from prismd.dialects.completions import Completions
from prismd.dialects.google import Google
from prismd.dialects.openai import OpenAI
from prismd.wire.call import DialectName

ALL: tuple[Dialect, ...] = (OpenAI(), Completions(), Anthropic(), Google(), Bedrock(), Cohere())

DIALECTS: Mapping[DialectName, Dialect] = {dialect.name: dialect for dialect in ALL}
