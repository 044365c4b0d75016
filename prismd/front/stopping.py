"""How a daemon stops: no longer ready, no longer listening, calls end or are told why not.

1. The first signal: ``/readyz`` says 503, answers say ``connection: close``, and new connections
   are still taken for the drain delay, so that a load balancer can look elsewhere first.
2. The listener is closed; running calls have the time to shut down to end.
3. What still runs is cut: streams end with an error event, other calls with 503. Both are settled.

A second signal goes to 3 at once (reliability-security §3.2).
"""

import asyncio
import logging

import uvicorn

from prismd import __version__
from prismd.front.gate import shutting_down
from prismd.front.listen import notify
from prismd.gateway import Gateway

CUT_S = 0.5
"""How long streams may take to say goodbye before whatever is left is cancelled."""

log = logging.getLogger("prism")


class Stopping:
    """The end of one server. Used from the event loop."""

    def __init__(
        self, gateway: Gateway, server: uvicorn.Server, *, delay_s: float, drain_s: float
    ) -> None:
        """Prepare.

        Args:
            gateway: The gateway that is served.
            server: What serves it.
            delay_s: How long new connections are taken after the first signal.
            drain_s: How long calls may take to end after that.
        """
        self._gateway = gateway
        self._server = server
        self._delay_s = delay_s
        self._drain_s = drain_s

    def terminate(self) -> None:
        """Begin to stop; the second time, cut."""
        self._stop(self._delay_s)

    def interrupt(self) -> None:
        """Do the same for a person at a terminal, whom no load balancer has to follow."""
        self._stop(0.0)

    def _stop(self, delay_s: float) -> None:
        if self._gateway.is_draining:
            self._cut()
            return
        self._gateway.is_draining = True
        notify("STOPPING=1")
        self._gateway.bus.publish("node", {"action": "draining", "version": __version__})
        log.info("prismd stops: new connections are taken for %g s more", delay_s)
        asyncio.get_running_loop().call_later(delay_s, self._close)

    def _close(self) -> None:
        if not self._server.should_exit:
            self._gateway.bus.close()
            self._server.should_exit = True
            asyncio.get_running_loop().call_later(self._drain_s, self._cut)

    def _cut(self) -> None:
        if self._gateway.is_cutting:
            return
        self._gateway.is_cutting = True
        self._close()
        for stream in list(self._gateway.streams.values()):
            self._gateway.tasks.spawn(stream.stop(shutting_down()), name="cut-stream")
        asyncio.get_running_loop().call_later(CUT_S, self._force)

    def _force(self) -> None:
        self._server.force_exit = True
