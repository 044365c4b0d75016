"""Types shared by several operations."""

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one call: ``input`` includes the cached ones, ``output`` the reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    """True when the vendor did not say and we counted."""
