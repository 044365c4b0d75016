"""Ways to spoil an answer: each returns a ``Fault``. ``HEAD_END`` and ``EVENT_END`` are marks."""

import gzip
from collections.abc import Iterator
from itertools import pairwise

from tests.faults.proxy import Fault
from tests.scripted_vendor import FOR_EVER_S, Step

HEAD_END = b"\r\n\r\n"
EVENT_END = b"\n\n"
MIB = 1024 * 1024


def nothing(answer: bytes) -> list[Step]:
    """Say the answer as it is."""
    return [answer]


def instead(*steps: Step) -> Fault:
    """Say something else."""
    return lambda _: steps


def until(mark: bytes, *then: Step, plus: int = 0) -> Fault:
    """Say the answer up to the end of the first mark and some bytes more; then something else."""

    def say(answer: bytes) -> list[Step]:
        return [answer[: _end_of(mark, answer) + plus], *then]

    return say


def midway(*then: Step) -> Fault:
    """Say a part: of a stream its first event, of a plain body its first byte."""

    def say(answer: bytes) -> list[Step]:
        mark, plus = (EVENT_END, 0) if _is_stream(answer) else (HEAD_END, 1)
        return list(until(mark, *then, plus=plus)(answer))

    return say


def swap(old: bytes, new: bytes, *, count: int = -1) -> Fault:
    """Say the answer with other bytes in its body; a length that was told is corrected."""
    return lambda answer: [_with_body(answer, body_of(answer).replace(old, new, count))]


def retype(content_type: str) -> Fault:
    """Say the answer under another content type."""
    line = f"content-type: {content_type}\r\n".encode()

    def say(answer: bytes) -> list[Step]:
        lines = answer.partition(HEAD_END)[0].split(b"\r\n")
        others = [one for one in lines if not one.startswith(b"content-type:")]
        return [b"\r\n".join(others) + b"\r\n" + line + b"\r\n" + body_of(answer)]

    return say


def drip(pause_s: float) -> Fault:
    """Say the body byte by byte."""

    def say(answer: bytes) -> Iterator[Step]:
        yield answer.partition(HEAD_END)[0] + HEAD_END
        for byte in body_of(answer):
            yield bytes([byte])
            yield pause_s

    return say


def now_and_then(pause_s: float) -> Fault:
    """Say one event after another."""

    def say(answer: bytes) -> Iterator[Step]:
        for one in answer.split(EVENT_END):
            yield one + EVENT_END
            yield pause_s

    return say


def in_pieces(*cuts: int) -> Fault:
    """Say the answer cut at these places, or without any at each byte."""

    def say(answer: bytes) -> Iterator[Step]:
        places = sorted({0, *(cuts or range(len(answer))), len(answer)})
        for begin, end in pairwise(places):
            yield answer[begin:end]
            yield 0.0

    return say


def chunked(size: int) -> Fault:
    """Say the body in chunks of so many bytes, and the end in one of none."""

    def say(answer: bytes) -> Iterator[Step]:
        body = body_of(answer)
        yield _head_without_length(answer) + b"transfer-encoding: chunked\r\n\r\n"
        for begin in range(0, len(body), size):
            piece = body[begin : begin + size]
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return say


def kept_open(*then: Step) -> Fault:
    """Say that the connection is kept, and the answer; then something that nobody asked for."""
    return lambda answer: [answer.replace(b"connection: close\r\n", b"", 1), *then]


def before(more: bytes) -> Fault:
    """Say something before the answer."""
    return lambda answer: [more + answer]


def endless_comments(pause_s: float) -> Fault:
    """Say the head, and then that the connection is alive, without end."""

    def say(answer: bytes) -> Iterator[Step]:
        yield _head_without_length(answer) + b"\r\n"
        while True:
            yield b": alive\n\n"
            yield pause_s

    return say


def huge(mib: int) -> Fault:
    """Say a body of one string that is so large, of no told length."""

    def say(answer: bytes) -> Iterator[Step]:
        yield _head_without_length(answer) + b"\r\n"
        yield b'data: {"choices": "'
        for _ in range(mib):
            yield b"x" * MIB
        yield FOR_EVER_S

    return say


def gzip_bomb(mib: int) -> Fault:
    """Say a small body that inflates to a large one."""
    bomb = gzip.compress(bytes(mib * MIB))

    def say(answer: bytes) -> list[Step]:
        return [_head_without_length(answer) + b"content-encoding: gzip\r\n\r\n" + bomb]

    return say


def body_of(answer: bytes) -> bytes:
    return answer.partition(HEAD_END)[2]


def _is_stream(answer: bytes) -> bool:
    return b"text/event-stream" in answer.partition(HEAD_END)[0]


def _end_of(mark: bytes, answer: bytes) -> int:
    begin = answer.index(mark) if mark == HEAD_END else answer.index(mark, answer.index(HEAD_END))
    return begin + len(mark)


def _head_without_length(answer: bytes) -> bytes:
    lines = answer.partition(HEAD_END)[0].split(b"\r\n")
    return b"".join(one + b"\r\n" for one in lines if not one.startswith(b"content-length:"))


def _with_body(answer: bytes, body: bytes) -> bytes:
    length = b"" if _is_stream(answer) else b"content-length: %d\r\n" % len(body)
    return _head_without_length(answer) + length + b"\r\n" + body
