"""What can go wrong with a call to the outside, in three neutral words.

The text names the cause and never holds a header or a URL: it may reach a log or a caller.
"""


class OutboundError(Exception):
    """No usable answer. The text names the cause and never holds a header or a URL."""


class OutboundTimeout(OutboundError):
    """The peer was silent for longer than allowed."""


class OutboundRefused(OutboundError):
    """No connection: name not found, port closed, certificate not trusted."""


class OutboundBroken(OutboundError):
    """The connection broke, or what came over it is not an answer that we take."""
