"""Where one is and was: a history of screens, each with what it was about."""

MAX_ROUTES = 100


class Routes:
    """A list of routes and a place in it, as a browser has."""

    def __init__(self, first: str) -> None:
        self._list = [first]
        self._at = 0
        self._before = first

    @property
    def route(self) -> str:
        """Where one is."""
        return self._list[self._at]

    @property
    def screen(self) -> str:
        """The name of the screen."""
        return self.route.partition(" ")[0]

    @property
    def argument(self) -> str:
        """What the screen is about."""
        return self.route.partition(" ")[2].strip()

    def go(self, route: str) -> None:
        """Go there; what was ahead is forgotten."""
        if route == self.route:
            return
        self._before = self.route
        del self._list[self._at + 1 :]
        self._list = [*self._list, route][-MAX_ROUTES:]
        self._at = len(self._list) - 1

    def back(self) -> bool:
        """Go back; say whether there was a way."""
        return self._step(-1)

    def forward(self) -> bool:
        """Go forward; say whether there was a way."""
        return self._step(1)

    def last(self) -> bool:
        """Go to where one was before this; say whether that is somewhere else."""
        if self._before == self.route:
            return False
        self.go(self._before)
        return True

    def _step(self, way: int) -> bool:
        if not 0 <= self._at + way < len(self._list):
            return False
        self._before = self.route
        self._at += way
        return True
