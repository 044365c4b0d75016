"""HTTPS of the daemon's own, with a certificate made here."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import StartDaemon

DAY = datetime.timedelta(days=1)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prism test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key_file.chmod(0o600)
    return cert_file, key_file


def test_https_is_spoken_and_the_admin_api_is_there(start: StartDaemon, tmp_path: Path) -> None:
    cert_file, key_file = certificate(tmp_path)
    daemon = start(
        "providers:\n  fake: {type: fake}\n"
        f"server:\n  tls: {{cert_file: {cert_file}, key_file: {key_file}}}\n"
    )
    assert daemon.url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=cert_file)
    headers = {"authorization": f"Bearer {daemon.admin_token}"}
    with httpx2.Client(base_url=daemon.url, headers=headers, verify=trust) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/-/config").status_code == 200
