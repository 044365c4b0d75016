"""The pool against a real nginx with TLS, whose certificate a private CA has signed."""

import asyncio
import datetime
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prismd.kernel.outbound_error import OutboundRefused
from prismd.kernel.pool import Origin, Pool

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
HEAD = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def _certify(folder: Path) -> None:
    """Write a CA and a certificate for ``localhost`` that it has signed."""
    now = datetime.datetime.now(datetime.UTC)  # certificates want the real date

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def build(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        begin = now - datetime.timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("test CA"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(days=9))
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = build("test CA", ca_key).add_extension(x509.BasicConstraints(True, None), critical=True)  # noqa: FBT003
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    leaf = build("localhost", key).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "cert.pem").write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """Run nginx; give its port."""
    assert NGINX is not None
    _certify(tmp_path)
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


async def test_a_private_ca_is_trusted_and_the_connection_is_kept(
    nginx: int, tmp_path: Path
) -> None:
    ca_file = str(tmp_path / "ca.pem")
    pool = Pool(Origin(host="localhost", port=nginx, is_tls=True, ca_file=ca_file))
    assert await ask(pool) == await ask(pool)
    pool.close()
    await asyncio.sleep(0.05)  # lets TLS take its leave, so that no transport is left open


async def test_an_unknown_ca_or_another_name_is_refused(nginx: int, tmp_path: Path) -> None:
    with pytest.raises(OutboundRefused, match="no connection"):
        await ask(Pool(Origin(host="localhost", port=nginx, is_tls=True)))
    ca_file = str(tmp_path / "ca.pem")
    with pytest.raises(OutboundRefused, match=r"127\.0\.0\.1"):
        await ask(Pool(Origin(host="127.0.0.1", port=nginx, is_tls=True, ca_file=ca_file)))


async def test_skip_tls_takes_any_certificate_and_says_so_loudly(
    nginx: int, caplog: pytest.LogCaptureFixture
) -> None:
    pool = Pool(Origin(host="127.0.0.1", port=nginx, is_tls=True, is_verified=False))
    assert "NOT verified" in caplog.text
    assert await ask(pool)
    pool.close()
    await asyncio.sleep(0.05)
