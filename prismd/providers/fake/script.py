"""The words in which the parts of the fake speak: what is asked, what is answered. Values only.

No vendor's wire shape is known here: ``openai_*`` translate from and to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prismd.wire.common import Usage


class Refusal(Exception):
    """The fake refuses a request, as a vendor would."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type_
        self.code = code
        self.param = param
        self.retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation."""

    role: str
    text: str
    """Its text; a part that is no text stands here as its kind, such as ``[image]``."""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A function that the model may call."""

    name: str
    schema: object
    """JSON schema of its arguments."""


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer must be a JSON object; with a schema, one that fits it."""

    schema: object | None


class ToolChoice(StrEnum):
    """Whether a tool is called: if one is offered, never, or always."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request."""

    turns: tuple[Turn, ...]
    input_tokens: int
    tools: tuple[ToolOffer, ...] = ()
    tool_choice: ToolChoice = ToolChoice.AUTO
    json_format: JsonFormat | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    """How many choices are wanted."""
    seed: str = ""
    """Goes into texts that are made up: the same seed and prompt give the same text."""
    lorem_tokens: int = 60
    calls: int = 1
    """How many tools are called at once, if there are as many."""

    @property
    def last_user_text(self) -> str:
        """The newest thing that the user said; without one, the newest thing said."""
        said = [turn.text for turn in self.turns if turn.role == "user"]
        return said[-1] if said else self.turns[-1].text


class PartKind(StrEnum):
    """What a stretch of an answer is."""

    TEXT = "text"
    REASONING = "reasoning"
    TOOL_NAME = "tool_name"
    TOOL_ARGUMENTS = "tool_arguments"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an answer, as a model gives it."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A bit of a part: what one stream event carries."""

    kind: PartKind
    text: str
    tokens: int


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer."""

    pieces: tuple[Piece, ...]
    finish: Finish

    def text_of(self, kind: PartKind) -> str | None:
        """Return all text of a kind; None if there is no such part."""
        found = [piece.text for piece in self.pieces if piece.kind is kind]
        return "".join(found) if found else None

    def calls(self) -> list[tuple[str, str]]:
        """Return name and arguments of each call of a tool."""
        found: list[tuple[str, str]] = []
        for piece in self.pieces:
            if piece.kind is PartKind.TOOL_NAME:
                found.append((piece.text, ""))
            elif piece.kind is PartKind.TOOL_ARGUMENTS:
                name, arguments = found[-1]
                found[-1] = (name, arguments + piece.text)
        return found


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that is answered to one request."""

    choices: tuple[Choice, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that are sent at once, and how many output tokens they hold."""

    data: bytes
    tokens: int = 0


class Ending(StrEnum):
    """What happens after the last frame."""

    FINISHED = "finished"
    CUT = "cut"
    HANG = "hang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer on the wire, with its pace and its end."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    frames: tuple[Frame, ...]
    model: str | None = None
    is_stream: bool = False
    usage: Usage | None = None
    """What the answer says about usage; None for an error."""
    head_delay_s: float = 0.0
    tokens_per_s: float | None = None
    """Pace of the frames; None: as fast as possible."""
    ending: Ending = Ending.FINISHED
    hangs_before_head: bool = False
    body_bytes: int = 0
    """Size of the whole plain body, also when it is cut; a stream does not say."""
