"""From a request to a script: which model, what it says, cut into pieces and counted. Pure.

Knows neither the wire shape nor pace and faults; the same request always gives the same script.
"""

from collections.abc import Sequence

from prismd.providers.fake import tokens
from prismd.providers.fake.models import Model
from prismd.providers.fake.script import Ask, Choice, Finish, Part, PartKind, Piece, Script
from prismd.wire.common import Usage


def perform(ask: Ask, model: Model, *, tokens_per_piece: int = 1) -> Script:
    """Let a model answer.

    Raises:
        Refusal: the model cannot do what is asked, for example because of a tool's schema.
    """
    choices = tuple(
        _choice(model(ask, index), ask, tokens_per_piece=tokens_per_piece) for index in range(ask.n)
    )
    pieces = [piece for choice in choices for piece in choice.pieces]
    usage = Usage(
        input_tokens=ask.input_tokens,
        output_tokens=sum(piece.tokens for piece in pieces),
        reasoning_tokens=sum(piece.tokens for piece in pieces if piece.kind is PartKind.REASONING),
    )
    return Script(choices, usage)


def _choice(parts: Sequence[Part], ask: Ask, *, tokens_per_piece: int) -> Choice:
    """Cut the parts into pieces, up to a stop sequence or the limit of tokens."""
    left = ask.max_tokens
    pieces: list[Piece] = []
    finish = Finish.STOP
    for part in parts:
        text = _until_stop(part.text, ask.stop) if part.kind is PartKind.TEXT else part.text
        found = tokens.split(text)
        if left is not None and len(found) > left:
            # A name is useful only as a whole; everything else is cut where the limit is.
            found = [] if part.kind is PartKind.TOOL_NAME else found[:left]
            pieces += _pieces(part.kind, found, tokens_per_piece)
            return Choice(tuple(pieces), Finish.LENGTH)
        per_piece = len(found) if part.kind is PartKind.TOOL_NAME else tokens_per_piece
        pieces += _pieces(part.kind, found, per_piece)
        left = None if left is None else left - len(found)
        if part.kind is PartKind.TOOL_NAME:
            finish = Finish.TOOL_CALLS
    return Choice(tuple(pieces), finish)


def _pieces(kind: PartKind, found: list[str], per_piece: int) -> list[Piece]:
    groups = [found[at : at + per_piece] for at in range(0, len(found), max(per_piece, 1))]
    return [Piece(kind, "".join(group), len(group)) for group in groups]


def _until_stop(text: str, stop: tuple[str, ...]) -> str:
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text
