"""The fake's first door: in-process, behind the port ``Upstream``. No socket, the same replies."""

import asyncio
from collections.abc import AsyncIterator

from prismd.dialects.base import HttpCall
from prismd.kernel.errors import UpstreamError
from prismd.providers.fake import vendor
from prismd.providers.fake.models import MODELS
from prismd.providers.fake.record import Outcome, Serving, Sink
from prismd.providers.fake.script import Reply


class FakeResponse:
    """One answer (the port ``UpstreamResponse``); its body can be taken once."""

    def __init__(self, reply: Reply, serving: Serving, *, provider: str) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._reply = reply
        self._serving = serving
        self._provider = provider
        self._closed = asyncio.Event()

    def take_body(self) -> bytes | None:
        """Return None: it is made as it is read."""
        return None

    async def read(self) -> bytes:
        """Read the whole body; raises UpstreamError when it is cut or closed."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body, an event at a time; raises like ``read``."""
        try:
            async for frame in vendor.play(self._reply, self._pause):
                self._serving.sent(frame)
                yield frame.data
        except vendor.CutOff:
            self._serving.end(Outcome.CUT)
            raise self._broken("broke off the connection") from None
        self._serving.end(Outcome.FINISHED)

    async def aclose(self) -> None:
        """Stop a body that is being read; what was not read counts as left by the client."""
        self._closed.set()
        self._serving.end(Outcome.CLIENT_GONE)

    async def _pause(self, seconds: float | None) -> None:
        if seconds == 0 and not self._closed.is_set():
            # Let others run, and a cancel through, between two events.
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
        raise self._broken("was closed while its answer was being read")

    def _broken(self, what: str) -> UpstreamError:
        return UpstreamError(
            f"Provider '{self._provider}' {what}.",
            provider=self._provider,
            code="provider_connection_broken",
        )


class FakeUpstream:
    """The built-in vendor (the port ``Upstream``)."""

    def __init__(self, *, provider_id: str = "fake", sink: Sink | None = None) -> None:
        """Open the door.

        Args:
            provider_id: The name in the config; messages use it.
            sink: Gets an entry for each request that was served.
        """
        self._provider = provider_id
        self._sink = sink

    async def send(self, call: HttpCall) -> FakeResponse:
        """Answer; waits as long as the wanted latency, for ever if it is to hang."""
        headers = dict(call.headers)
        reply = vendor.answer(call.method, call.path, headers, call.body)
        serving = Serving(reply, request_id=headers.get("x-request-id"), sink=self._sink)
        try:
            if reply.hangs_before_head:
                await asyncio.Event().wait()
            await asyncio.sleep(reply.head_delay_s)
        except asyncio.CancelledError:
            serving.end(Outcome.CLIENT_GONE)
            raise
        return FakeResponse(reply, serving, provider=self._provider)

    async def list_models(self) -> list[str]:
        """Return the names of the models, without ``fake/``."""
        return list(MODELS)
