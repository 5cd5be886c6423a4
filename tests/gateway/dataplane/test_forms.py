"""Multipart forms: read as RFC 7578 has them, written so that no reader can see another form than ours."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.forms import MAX_PARTS, Form, FormError, Part

BOUNDARY = "multipart/form-data; boundary=x"
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\%"), min_size=1, max_size=20)
parts = st.builds(
    Part,
    names.map(lambda name: name + "[]"),
    st.binary(max_size=200),
    st.none() | names,
    st.none() | st.just("audio/wav"),
)


def body_of(*parts: str) -> bytes:
    return "".join(f"--x\r\n{part}\r\n" for part in parts).encode() + b"--x--\r\n"


@given(st.lists(parts, max_size=8), st.binary(max_size=30))
def test_what_is_written_is_what_is_read(given: list[Part], model: bytes) -> None:
    content_type, body = Form(tuple(given)).encode({"model": model.hex()})

    found = Form.read(content_type, body).parts

    assert [(part.name, bytes(part.data), part.filename) for part in found] == [
        ("model", model.hex().encode(), None), *((part.name, part.data, part.filename) for part in given)
    ]  # fmt: skip


def test_a_value_is_replaced_where_it_stands() -> None:
    model = 'Content-Disposition: form-data; name="model"\r\n\r\na'
    file = 'content-disposition: form-data; name=file; filename="b.wav"\r\n\r\n12'
    form = Form.read(BOUNDARY, body_of(model, file))

    content_type, body = form.encode({"model": "upstream"})

    assert form.fields()["model"] == "a"
    assert form.fields()["file"]["bytes"] == 2
    assert Form.read(content_type, body).fields() == {
        "model": "upstream", "file": {**form.fields()["file"], "content_type": "application/octet-stream"},
    }  # fmt: skip


def test_the_same_field_twice_is_refused_as_readers_disagree_about_it() -> None:
    part = 'Content-Disposition: form-data; name="model"\r\n\r\na'

    with pytest.raises(FormError, match="'model' was sent twice"):
        Form.read(BOUNDARY, body_of(part, part))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--y--\r\n",
        b"--x",
        b"--x\r\n",
        body_of("X: y\r\n\r\nno disposition"),
        body_of("Content-Disposition: attachment; name=a\r\n\r\n1"),
        body_of("Content-Disposition: form-data\r\n\r\nno name"),
        body_of('Content-Disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="b"\r\n\r\n1'),
        body_of('Content-Disposition: form-data; name="a"\r\n' + "X: y\r\n" * 2000 + "\r\n1"),
        body_of('Content-Disposition: form-data; name="a"\r\n\r\n1')[:-8],
        body_of(*(f'Content-Disposition: form-data; name="a{number}"\r\n\r\n1' for number in range(MAX_PARTS + 1))),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        Form.read(BOUNDARY, body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for body in (data, b"--x\r\n" + data, b"--x\r\n" + data + b"\r\n--x--"):
        with contextlib.suppress(FormError):
            Form.read(BOUNDARY, body).fields()


def test_texts_are_replaced_and_files_are_not() -> None:
    form = Form((Part("prompt", b"secret"), Part("file", b"secret", "a.wav")))

    changed = form.with_texts({"prompt": "[redacted]", "file": {"filename": "a.wav"}})

    assert [bytes(part.data) for part in changed.parts] == [b"[redacted]", b"secret"]
