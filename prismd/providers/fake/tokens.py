"""The fake's tokenizer: a token is up to 8 word characters, or one other sign.

White space belongs to the token after it (at the end of a text it is a token of its own), so the
tokens of a text joined together are the text.
"""

import re

_TOKEN = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+")


def split(text: str) -> list[str]:
    """Cut a text into its tokens."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return len(split(text))
