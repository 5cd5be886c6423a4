"""Looking for secrets in what was kept or sent: archives, workbooks, PDFs, mails and columns are opened."""

import base64
import email
import email.policy
import gzip
import io
import re
import socket
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self
from urllib.parse import quote

import pyarrow.parquet
import pypdf
import redis

from config.backup import server
from config.embedded.binaries import MAJOR

Place = tuple[str, bytes]


def forms(secret: str) -> list[bytes]:
    """A secret as it is, in an address, in a page, and as it looks in hexadecimal and both kinds of Base64 whatever
    stands before it."""
    plain = secret.encode()
    written = (secret, quote(secret), quote(secret, safe=""), escape(secret), plain.hex())
    packed = (base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3))
    return list(
        {*(one.encode() for one in written), *(look for one in packed for look in (one, one.translate(_URL_SAFE)))}
    )


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def opened(place: str, content: bytes) -> Iterator[Place]:
    """The content, and all that is packed in it."""
    yield place, content
    for name, inner in _inside(content):
        yield from opened(f"{place} › {name}", inner)


def _inside(content: bytes) -> Iterator[Place]:
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    elif content.startswith(b"PGDMP"):
        yield "SQL", _restored(content)
    elif content.startswith(b"\x1f\x8b"):
        yield "unpacked", gzip.decompress(content)
    elif content.startswith(b"%PDF-"):
        for number, page in enumerate(pypdf.PdfReader(io.BytesIO(content)).pages):
            text = page.extract_text()
            yield f"page {number}", f"{text}\n{''.join(text.split())}".encode()
    elif content.startswith(b"PAR1"):
        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        yield "rows", str(rows).encode()
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)) is not None:
                    yield member.name, file.read()


def _restored(dump: bytes) -> bytes:
    """The statements of a dump in PostgreSQL's custom format, whose rows are compressed."""
    argv = [str(server.program("pg_restore", MAJOR)), "--file=-"]
    return subprocess.run(argv, input=dump, capture_output=True, check=True, timeout=120).stdout


def of_mail(place: str, content: bytes) -> Iterator[Place]:
    """A mail as it was sent, its headers in words, and its parts."""
    mail: Any = email.message_from_bytes(content, policy=email.policy.default)
    yield place, content
    yield f"{place}, headers", "\n".join(f"{name}: {value}" for name, value in mail.items()).encode()
    for number, part in enumerate(mail.walk()):
        if (inner := part.get_payload(decode=True)) is not None:
            yield from opened(f"{place}, part {number}", inner)


def of_redis(client: "redis.Redis[bytes]") -> Iterator[Place]:
    """Every key with its value."""
    readers: dict[bytes, Any] = {
        b"string": client.get, b"list": lambda key: client.lrange(key, 0, -1), b"hash": client.hgetall,
        b"set": client.smembers, b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": lambda key: client.xrange(key),
    }  # fmt: skip
    for key in client.scan_iter(count=1000):
        value = readers.get(client.type(key), lambda key: b"")(key)
        content = value if isinstance(value, bytes) else str(value).encode()
        yield f"redis {key!r}", key + b"\n" + content


class Overheard:
    """All that is said to a Redis server from now on, tasks as they are published among it."""

    def __init__(self, port: int) -> None:
        self._heard: list[bytes] = []
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(b"MONITOR\r\n")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while piece := self._socket.recv(1 << 20):
                self._heard.append(piece)
        except OSError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def text(self) -> bytes:
        """As MONITOR writes it, quotes as they were."""
        return b"".join(self._heard).replace(b'\\"', b'"')

    def tasks(self) -> Iterator[bytes]:
        """The arguments of published tasks, decoded."""
        for body in set(re.findall(rb'"body": ?"([A-Za-z0-9+/=]+)"', self.text)):
            yield base64.b64decode(body)


def found(secrets: Mapping[str, str], places: Iterable[Place]) -> tuple[list[str], int]:
    """Which secret is where, and how many places were searched."""
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    wrong, searched = [], 0
    for place, content in places:
        searched += 1
        wrong += [f"{name} in {place}" for name, looks in wanted.items() if any(look in content for look in looks)]
    return wrong, searched


@dataclass
class Sweep:
    """A search through many places: which secret was `found` where, and which places stayed `dark`, as they did not
    show the harmless text that has to be in them: nobody knows whether they were opened."""

    secrets: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)
    searched: int = 0

    def __post_init__(self) -> None:
        assert all(len(secret) >= 12 for secret in self.secrets.values()), "a short one is found by chance"
        self._looks = {name: forms(secret) for name, secret in self.secrets.items()}

    def look(self, place: str, content: bytes, mark: str, *, but: Collection[str] = ()) -> None:
        """Search the content and all that is packed in it. `but`: names of secrets that may be there."""
        self.look_into(place, opened(place, content), mark, but=but)

    def look_into(self, place: str, parts: Iterable[Place], mark: str, *, but: Collection[str] = ()) -> None:
        """The same of a place that is opened already."""
        is_lit = False
        for part, content in parts:
            self.searched += 1
            is_lit = is_lit or mark.encode() in content
            for name, looks in self._looks.items():
                if name not in but and any(look in content for look in looks):
                    self.found.append(f"{name} in {part}")
        if not is_lit:
            self.dark.append(place)

    @property
    def wrong(self) -> list[str]:
        return [*self.found, *(f"{place} does not show its mark" for place in self.dark)]
