"""The pool against a real nginx with TLS, whose certificate a private CA has signed."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from prismd.kernel.outbound_error import OutboundRefused
from prismd.kernel.pool import Origin, Pool
from tests.both_loops import on_both_loops
from tests.certificates import certify

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
HEAD = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """Run nginx; give its port."""
    assert NGINX is not None
    certify(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {temporary}"
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {tmp_path}/cert.pem;"
        f"ssl_certificate_key {tmp_path}/key.pem; location / {{ return 200 $connection; }} }} }}"
    )
    process = subprocess.Popen(
        [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            assert process.poll() is None, (tmp_path / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                continue
        yield port
    finally:
        process.terminate()
        process.wait()


async def ask(pool: Pool) -> bytes:
    answer = await pool.send(HEAD, b"", timeout_s=5)
    return await answer.read()


@on_both_loops
async def test_a_private_ca_is_trusted_and_the_connection_is_kept(
    nginx: int, tmp_path: Path
) -> None:
    ca_file = str(tmp_path / "ca.pem")
    pool = Pool(Origin(host="localhost", port=nginx, is_tls=True, ca_file=ca_file))
    assert await ask(pool) == await ask(pool)
    pool.close()
    await asyncio.sleep(0.05)  # lets TLS take its leave, so that no transport is left open


@on_both_loops
async def test_an_unknown_ca_or_another_name_is_refused(nginx: int, tmp_path: Path) -> None:
    with pytest.raises(OutboundRefused, match="no connection"):
        await ask(Pool(Origin(host="localhost", port=nginx, is_tls=True)))
    ca_file = str(tmp_path / "ca.pem")
    with pytest.raises(OutboundRefused, match=r"127\.0\.0\.1"):
        await ask(Pool(Origin(host="127.0.0.1", port=nginx, is_tls=True, ca_file=ca_file)))


@on_both_loops
async def test_skip_tls_takes_any_certificate_and_says_so_loudly(
    nginx: int, caplog: pytest.LogCaptureFixture
) -> None:
    pool = Pool(Origin(host="127.0.0.1", port=nginx, is_tls=True, is_verified=False))
    assert "NOT verified" in caplog.text
    assert await ask(pool)
    pool.close()
    await asyncio.sleep(0.05)
