"""What must hold for any bytes that a vendor sends: ``python -m tests.fuzz.http1 [FOLDER]``.

Needs atheris. A folder keeps the inputs that reached something new, for the next time; further
options are libFuzzer's own.
"""

import importlib
import sys
import tempfile
from pathlib import Path

from tests.http1_peer import BAD, GOOD, Peer

SEEDS = [*(raw for raw, _, _ in GOOD.values()), *BAD.values()]
NEXT = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def check(data: bytes) -> None:
    """Take the third byte and all behind it as an answer, sent whole, and sent in pieces.

    The first byte says whether HEAD was asked, the second how long the pieces are (1 to 64 bytes).
    A caller gets the same answer both ways or our own error, and the next call over the connection,
    if it is kept, gets its own answer and nothing else.
    """
    if len(data) < 2:
        return
    is_head, piece_bytes, raw = bool(data[0] & 1), data[1] % 64 + 1, data[2:]
    cut = [raw[at : at + piece_bytes] for at in range(0, len(raw), piece_bytes)]
    whole, pieces = Peer(), Peer()
    seen = whole.answer(raw, is_head=is_head)
    seen_in_pieces = pieces.answer(*cut, is_head=is_head)
    assert seen.is_complete == seen_in_pieces.is_complete
    if seen.is_complete:
        assert seen == seen_in_pieces
    for peer in (whole, pieces):
        if peer.is_kept:
            next_ = peer.answer(NEXT)
            assert (next_.status, next_.headers) == (200, {"content-length": "2"})
            assert (next_.body, next_.is_complete, peer.is_kept) == (b"ok", True, True)


def main() -> None:
    """Fuzz until something does not hold."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with tempfile.TemporaryDirectory() as seeds:
        for number, raw in enumerate(SEEDS):
            (Path(seeds) / str(number)).write_bytes(b"\0\7" + raw)
        atheris.instrument_all()
        atheris.Setup([*sys.argv, seeds], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
