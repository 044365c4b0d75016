import os
import socket
import sys

import pytest

from prismctl.local import ports


def test_a_free_port_is_free_until_it_is_taken() -> None:
    port = ports.any_free("127.0.0.1")
    assert ports.is_free("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)):
        assert not ports.is_free("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_process_that_listens_is_named(host: str) -> None:
    with socket.create_server((host, 0)) as server:
        found = ports.listener(server.getsockname()[1])
    assert found is not None
    assert found.pid == os.getpid()
    assert found.name


def test_nobody_listens_on_a_free_port() -> None:
    assert ports.listener(ports.any_free("127.0.0.1")) is None
