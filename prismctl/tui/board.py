"""What the dashboard knows, and how an event changes it: ``reduce(board, event) -> board``.

Frozen, pure, bounded. It knows no terminal and has no clock: what time it is, an event of type
``time`` says. Events are the feed's bodies, and what ``feed`` adds to them:

``time``      ts_s: it is so late here
``link``      state, message: how the line to the gateway is
``history``   data: stored calls, newest first; is_new: instead of those that are known
``snapshot``  path, body: what an admin path answered
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from prismctl.jsontext import Object
from prismctl.tui import notices, rates, values
from prismctl.tui.notices import Notice
from prismctl.tui.rates import Rates, Sample, Series, Totals

MAX_SAMPLES = 600
MAX_CALLS = 1_000
MAX_PROVIDERS = 500
MAX_CHANGES = 200
MAX_LOG = 1_000
MAX_ANSWERS = 64
QUIET_S = 6.0
"""Without an event for longer, what is shown is stale: a tick comes each second or two."""
WINDOW_S = 60.0
HEALTH_PATH = "/-/health/providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The line to the gateway."""

    state: str = "connecting"
    """``connecting``, ``live``, ``polling``, ``replay``, ``ended``, ``lost`` or ``denied``."""
    message: str = ""
    since_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an admin path answered, and when."""

    body: Object
    ts_s: float
    good: Object | None = None
    """The newest that was no error; None if there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything. Newest first, but for the samples, which are in the order of time."""

    now_s: float = 0.0
    heard_s: float = 0.0
    """When the gateway was heard last, by the clock of ``now_s``."""
    link: Link = field(default_factory=Link)
    version: str = ""
    totals: Totals | None = None
    samples: tuple[Sample, ...] = ()
    calls: tuple[Object, ...] = ()
    left_out: int = 0
    """Calls that were sampled away."""
    missed: int = 0
    """Events that were lost on the way."""
    providers: tuple[Object, ...] = ()
    changes: tuple[Object, ...] = ()
    """Of the providers' states."""
    notices: tuple[Notice, ...] = ()
    log: tuple[Object, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)

    @property
    def silence_s(self) -> float:
        """How long nothing was heard."""
        return max(0.0, self.now_s - self.heard_s) if self.heard_s else 0.0

    @property
    def is_stale(self) -> bool:
        """Whether what is shown may no longer be so."""
        if self.link.state in ("replay", "ended", "connecting"):
            return False
        return self.link.state in ("lost", "denied") or self.silence_s > QUIET_S

    def body(self, path: str) -> Object | None:
        """Return what a path answered; None if it has not yet."""
        reply = self.replies.get(path)
        return reply.body if reply else None

    def known(self, path: str) -> Object | None:
        """Return the newest that a path answered and that is no error; None if it never has."""
        reply = self.replies.get(path)
        return reply.good if reply else None

    def window(self, window_s: float = WINDOW_S) -> tuple[tuple[Sample, ...], float]:
        """Return the samples of the last seconds, and how many seconds they cover."""
        if not self.samples:
            return (), 0.0
        since_s = self.samples[-1].ts_s - window_s
        found = tuple(sample for sample in self.samples if sample.ts_s > since_s)
        return found, sum(sample.span_s for sample in found)

    def rates(self, window_s: float = WINDOW_S) -> Rates:
        """Return the rates of the last seconds."""
        samples, span_s = self.window(window_s)
        total = rates.sum_of(sample.total for sample in samples)
        return rates.rates(total, span_s, self.bounds_s)

    def by(self, name: str, window_s: float = WINDOW_S) -> list[tuple[str, Series, Rates]]:
        """Return the series of the last seconds, summed by ``model`` or ``provider``."""
        samples, span_s = self.window(window_s)
        groups: dict[str, list[Series]] = {}
        for sample in samples:
            for one in sample.series:
                groups.setdefault(one.model if name == "model" else one.provider, []).append(one)
        sums = ((group, rates.sum_of(found)) for group, found in groups.items())
        return [(group, total, rates.rates(total, span_s, self.bounds_s)) for group, total in sums]

    @property
    def bounds_s(self) -> tuple[float, ...]:
        """The bounds of the histograms."""
        return self.totals.bounds_s if self.totals else ()


def reduce(board: Board, event: Object) -> Board:
    """Return the board after an event; one that nobody understands changes nothing."""
    step = _STEPS.get(values.text(event.get("type")))
    if step is None:
        return board
    board = step(board, event)
    notice = notices.of(event)
    if notice is not None:
        board = replace(board, notices=notices.added(board.notices, notice))
    return board


def _heard(board: Board, event: Object) -> Board:
    """Note that the gateway was heard."""
    del event
    return replace(board, heard_s=board.now_s)


def _time(board: Board, event: Object) -> Board:
    return replace(board, now_s=max(board.now_s, values.real(event.get("ts_s"))))


def _link(board: Board, event: Object) -> Board:
    state, message = values.text(event.get("state")), values.text(event.get("message"))
    if state in ("live", "polling", "replay"):
        board = replace(board, heard_s=board.now_s)
    if (state, message) == (board.link.state, board.link.message):
        return board
    since_s = board.link.since_s if state == board.link.state else board.now_s
    return replace(board, link=Link(state=state, message=message, since_s=since_s))


def _tick(board: Board, event: Object) -> Board:
    totals = rates.totals(event)
    sample = rates.difference(board.totals, totals) if board.totals else None
    samples = board.samples
    if sample is not None:
        samples = (*samples, sample)[-MAX_SAMPLES:]
    providers = _merged(board.providers, event.get("providers"))
    return replace(board, totals=totals, samples=samples, providers=providers, heard_s=board.now_s)


def _call(board: Board, event: Object) -> Board:
    left_out = board.left_out + values.count(event.get("left_out"))
    name = event.get("request_id")
    # A line that came back may tell the newest ones again.
    is_known = name is not None and any(name == one.get("request_id") for one in board.calls[:100])
    calls = board.calls if is_known else (event, *board.calls)[:MAX_CALLS]
    return replace(board, calls=calls, left_out=left_out, heard_s=board.now_s)


def _history(board: Board, event: Object) -> Board:
    known = () if event.get("is_new") else board.calls
    found: dict[str, Object] = {}
    for row in (*known, *values.objects(event.get("data"), MAX_CALLS)):
        name = values.text(row.get("request_id")) or values.text(row.get("id"))
        found.setdefault(name, {**row, "request_id": name})
    calls = sorted(found.values(), key=lambda row: -values.real(row.get("ts_s")))
    return replace(board, calls=tuple(calls[:MAX_CALLS]))


def _provider(board: Board, event: Object) -> Board:
    if not event.get("state"):
        return _heard(board, event)
    change: Object = {"id": event.get("provider"), "state": event.get("state")}
    return replace(
        board,
        providers=_merged(board.providers, [change]),
        changes=(event, *board.changes)[:MAX_CHANGES],
        heard_s=board.now_s,
    )


def _log(board: Board, event: Object) -> Board:
    return replace(board, log=(event, *board.log)[:MAX_LOG], heard_s=board.now_s)


def _node(board: Board, event: Object) -> Board:
    version = values.text(event.get("version")) or board.version
    return replace(board, version=version, heard_s=board.now_s)


def _gap(board: Board, event: Object) -> Board:
    return replace(board, missed=board.missed + values.count(event.get("missed")))


def _snapshot(board: Board, event: Object) -> Board:
    path, body = values.text(event.get("path")), event.get("body")
    if not path or not isinstance(body, dict):
        return board
    before = board.replies.get(path)
    # What was known stays in sight: a gateway that is restarted has not lost its keys.
    good = (before.good if before else None) if "error" in body else body
    reply = Reply(body=body, ts_s=values.real(event.get("ts_s")) or board.now_s, good=good)
    others = {name: known for name, known in board.replies.items() if name != path}
    while len(others) >= MAX_ANSWERS:
        del others[next(iter(others))]
    board = replace(board, replies={**others, path: reply})
    if path == HEALTH_PATH and "providers" in body:
        board = replace(board, providers=_merged((), body.get("providers")))
    if path == "/-/capabilities":
        board = replace(board, version=values.text(body.get("version")) or board.version)
    return board


def _merged(known: tuple[Object, ...], rows: object) -> tuple[Object, ...]:
    """Return the providers with what is newly known of each, by their ids."""
    if not isinstance(rows, list) or not rows:
        return known
    by_id = {values.text(row.get("id")): row for row in known}
    for row in values.objects(rows, MAX_PROVIDERS):
        name = values.text(row.get("id"))
        if name and (name in by_id or len(by_id) < MAX_PROVIDERS):
            by_id[name] = {**by_id.get(name, {}), **row}
    return tuple(by_id[name] for name in sorted(by_id))


_STEPS: dict[str, Callable[[Board, Object], Board]] = {
    "time": _time,
    "link": _link,
    "tick": _tick,
    "call": _call,
    "history": _history,
    "provider": _provider,
    "log": _log,
    "node": _node,
    "gap": _gap,
    "snapshot": _snapshot,
    "key": _heard,
    "budget": _heard,
    "ledger": _heard,
    "config": _heard,
    "job": _heard,
    "guard": _heard,
}
