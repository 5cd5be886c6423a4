"""The search for secrets finds one in everything that it opens."""

import base64
import gzip
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pyarrow
import pyarrow.parquet
import pytest
import xlsxwriter
from reportlab.pdfgen.canvas import Canvas

from config.backup.server import Database, program, server_major
from tests import leaks
from tests.redis_server import RedisServer

PLANTED = "sk-canary0123456789abcdef"


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", content)
    return made.getvalue()


def tarred(content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        head = tarfile.TarInfo("a.txt")
        head.size = len(content)
        archive.addfile(head, io.BytesIO(content))
    return made.getvalue()


def workbook(text: str) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        book.add_worksheet().write(0, 0, text)
    return made.getvalue()


def pdf(text: str) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made)
    canvas.drawString(50, 700, text[:12])
    canvas.drawString(50, 680, text[12:])  # a cell that is too narrow
    canvas.save()
    return made.getvalue()


def columns(text: str) -> bytes:
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [text]}), made, compression="zstd")
    return made.getvalue()


CONTENTS = {
    "address": lambda text: f"?x={quote(text, safe='')}".encode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(b"a" + text.encode() + b"abc"),
    "plain": lambda text: f"x{text}x".encode(), "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(b"ab" + text.encode() + b"abc"),
    "gzip": lambda text: gzip.compress(text.encode()), "zip": lambda text: zipped(text.encode()),
    "tar": lambda text: tarred(text.encode()), "tar in gzip": lambda text: gzip.compress(tarred(text.encode())),
    "xlsx": workbook, "pdf": pdf, "parquet": columns, "zip in zip": lambda text: zipped(zipped(text.encode())),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_planted_secret_is_found(kind: str) -> None:
    content = CONTENTS[kind](PLANTED)

    wrong, _ = leaks.found({"planted": PLANTED, "other": "sk-another0123456789"}, leaks.opened(kind, content))

    assert wrong
    assert {line.split(" in ")[0] for line in wrong} == {"planted"}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_sweep_finds_what_is_planted_unless_it_may_be_there(kind: str) -> None:
    sweep = leaks.Sweep({"planted": PLANTED, "other": "sk-another0123456789"})

    sweep.look("clean", CONTENTS["plain"]("nothing at all"), "nothing")
    sweep.look("open", CONTENTS[kind](PLANTED), "", but={"planted"})
    assert (sweep.wrong, sweep.searched >= 2) == ([], True)

    sweep.look("dirty", CONTENTS[kind](PLANTED), "")
    assert {line[:16] for line in sweep.found} == {"planted in dirty"}
    assert sweep.dark == []


@pytest.mark.parametrize("kind", ["gzip", "zip", "tar in gzip", "xlsx", "pdf", "parquet", "zip in zip"])
def test_a_place_that_does_not_show_its_mark_was_not_opened(kind: str) -> None:
    sweep = leaks.Sweep({})

    sweep.look("lit", CONTENTS[kind]("a lighthouse by the sea"), "lighthouse")
    assert sweep.wrong == []

    sweep.look("dark", CONTENTS[kind]("a lighthouse by the sea"), "harbour")
    assert sweep.wrong == ["dark does not show its mark"]


def test_a_secret_that_is_too_short_to_look_for_is_refused() -> None:
    with pytest.raises(AssertionError, match="found by chance"):
        leaks.Sweep({"short": "sk-1"})


@pytest.mark.parametrize("where", ["subject", "text", "html", "attachment"])
def test_a_planted_secret_is_found_in_a_mail(where: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"ä {PLANTED}" if where == "subject" else "ä"
    mail.set_content(f"ä {PLANTED if where == 'text' else ''}", cte="base64")
    mail.add_alternative(f"<p>ä {PLANTED if where == 'html' else ''}</p>", subtype="html", cte="quoted-printable")
    mail.add_attachment(
        workbook(PLANTED if where == "attachment" else "x"), maintype="application", subtype="octet-stream"
    )

    wrong, searched = leaks.found({"planted": PLANTED}, leaks.of_mail("mail", mail.as_bytes()))

    assert wrong
    assert searched > 6


@pytest.fixture
def server() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    running = RedisServer()
    yield running
    running.close()


def test_a_planted_secret_is_found_in_redis(server: RedisServer, tmp_path: Path) -> None:
    client = server.client
    client.set("string", PLANTED)
    client.rpush("list", PLANTED)
    client.hset("hash", "field", PLANTED)
    client.sadd("set", PLANTED)
    client.zadd("zset", {PLANTED: 1})
    client.xadd("stream", {"field": PLANTED})
    client.set(f"name {PLANTED}", "x")

    wrong, searched = leaks.found({"planted": PLANTED}, leaks.of_redis(client))

    assert (len(wrong), searched) == (7, 7)


def test_a_planted_secret_is_found_in_a_published_task(server: RedisServer) -> None:
    from celery import Celery

    app = Celery("x", broker=server.url)
    with leaks.Overheard(server.port) as heard:
        app.send_task("some.task", args=(PLANTED,))
        for _ in range(100):
            if b"some.task" in heard.text:
                break
            server.client.ping()
        tasks = list(heard.tasks())

    assert [PLANTED.encode() in task for task in tasks] == [True]
    assert leaks.found({"planted": PLANTED}, [("heard", heard.text)])[0] == ["planted in heard"]


@pytest.mark.django_db
def test_a_planted_secret_is_found_in_a_dump_whose_rows_are_compressed() -> None:
    database = Database.own()
    where, environment = database.for_programs()
    with database.connect() as connection:
        connection.execute("CREATE TABLE leaked AS SELECT %s::text || x FROM generate_series(1, 9) x", [PLANTED])
        argv = [str(program("pg_dump", server_major(connection))), "--format=custom", "--compress=3", "--table=leaked"]
    try:
        dump = subprocess.run([*argv, where], env=environment, capture_output=True, check=True, timeout=60).stdout
    finally:
        with database.connect() as connection:
            connection.execute("DROP TABLE leaked")

    assert PLANTED.encode() not in dump
    assert leaks.found({"planted": PLANTED}, leaks.opened("dump", dump))[0] == ["planted in dump › SQL"]
