"""Types shared by several operations."""

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one call used, in the same terms for every operation. Whole numbers, 0 where unused.

    Zeros are not written down: there is a row of it for each call, and most of it is zeros.

    A part is contained in its whole: a vendor that reports it beside the whole is read so that it
    is. Billing does not rely on that.
    """

    input_tokens: int = 0
    """All input, its parts included."""
    output_tokens: int = 0
    """All output, its parts included."""
    cached_input_tokens: int = 0
    """Part of input: read from the vendor's cache."""
    reasoning_tokens: int = 0
    """Part of output: thought, and not shown or shown apart."""
    cache_write_tokens: int = 0
    """Part of input: written to the vendor's cache."""
    audio_input_tokens: int = 0
    """Part of input."""
    audio_output_tokens: int = 0
    """Part of output."""
    images: int = 0
    """Images made."""
    pages: int = 0
    """Pages of documents read."""
    characters: int = 0
    """Characters of text spoken."""
    audio_ms: int = 0
    video_ms: int = 0
    searches: int = 0
    requests: int = 0
    """Answers from the vendor, for vendors that charge per call: 0 when it gave none."""
    is_estimated: bool = False
    """True when the vendor did not say and we counted."""
