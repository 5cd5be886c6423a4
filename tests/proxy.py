"""A small forward proxy and a TLS front for tests: real sockets, real certificates."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """`(certificate, key)` files of a self-signed certificate for an IP address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return paths


class _Server:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._quietly, args=(peer,), daemon=True).start()

    def _quietly(self, peer: socket.socket) -> None:
        with suppress(OSError), peer:
            self.serve(peer)

    def serve(self, peer: socket.socket) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.listener.close()


class TLSFront(_Server):
    """Ends TLS and hands everything to a local port."""

    def __init__(self, certificate: Path, key: Path, port: int) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.target = port
        super().__init__()

    def serve(self, peer: socket.socket) -> None:
        inside = socket.create_connection(("127.0.0.1", self.target))
        with inside, self.context.wrap_socket(peer, server_side=True) as secure:
            _pipe_both_ways(secure, inside)


class ForwardProxy(_Server):
    """Tunnels `CONNECT` and forwards absolute-form requests; `names` says where a `host:port` really is.

    `seen` has the request line and the proxy's credential of every request. `required`: the credential it asks for.
    """

    def __init__(self, names: Mapping[str, int], required: str = "") -> None:
        self.names = dict(names)
        self.required = required
        self.seen: list[tuple[str, str]] = []
        super().__init__()

    def serve(self, peer: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(65536)
            if not piece:
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        given = next((f.split(": ", 1)[1] for f in fields if f.lower().startswith("proxy-authorization: ")), "")
        self.seen.append((line, given))
        if given != self.required:
            peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        method, target, version = line.split(" ")
        if method == "CONNECT":
            self._tunnel(peer, target)
            return
        authority, _, path = target.removeprefix("http://").partition("/")
        kept = [f for f in fields if not f.lower().startswith("proxy-")]
        request = (
            "\r\n".join([f"{method} /{path} {version}", *kept, "connection: close", "", ""]).encode("latin-1") + body
        )
        with socket.create_connection(("127.0.0.1", self.names[authority])) as upstream:
            upstream.sendall(request)
            _pipe_both_ways(peer, upstream)

    def _tunnel(self, peer: socket.socket, authority: str) -> None:
        if authority not in self.names:
            peer.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.names[authority])) as upstream:
            peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pipe_both_ways(peer, upstream)


def _pipe_both_ways(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_pipe, args=(other, one), daemon=True)
    back.start()
    _pipe(one, other)
    back.join()


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
