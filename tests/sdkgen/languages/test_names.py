"""The lock of names."""

import pytest

from sdkgen.ir.nodes import Field, Model, Prim
from sdkgen.languages.base.names import Lock, Name, NameCollisionError, settle, shape_of


def name(pointer: str, text: str, scope: str = "types", shape: str = "") -> Name:
    return Name("type", pointer, scope, text, shape)


def test_new_names_are_by_rule() -> None:
    found = settle([name("#/a", "A")], Lock())

    assert found.of("type", "#/a") == "A"
    assert found.added == ("type #/a",)
    assert found.find("field", "#/none", "otherwise") == "otherwise"


def test_a_published_name_stays_and_is_reported() -> None:
    lock = Lock({"type #/a": ("Old", ""), "type #/gone": ("Gone", "")})

    found = settle([name("#/a", "New")], lock)

    assert found.of("type", "#/a") == "Old"
    assert found.changed == (("type #/a", "Old", "New"),)
    assert found.gone == ("type #/gone",)
    assert lock.with_names(found).names == {"type #/a": ("Old", ""), "type #/gone": ("Gone", "")}


def test_a_type_that_the_server_renames_keeps_its_name() -> None:
    lock = Lock({"type #/Key": ("Key", "1234"), "type #/Two": ("Two", "5678"), "type #/Three": ("Three", "5678")})

    found = settle([name("#/ApiKey", "ApiKey", shape="1234"), name("#/Four", "Four", shape="5678")], lock)

    assert found.of("type", "#/ApiKey") == "Key"
    assert found.moved == (("type #/Key", "type #/ApiKey"),)
    assert found.of("type", "#/Four") == "Four"  # two had that shape: which of them is not known
    assert "type #/Key" not in lock.with_names(found).names


def test_equal_names_in_one_scope_are_an_error() -> None:
    with pytest.raises(NameCollisionError, match="types: 'KEY' for #/a and for #/b"):
        settle([name("#/a", "Key"), name("#/b", "KEY")], Lock())

    assert settle([name("#/a", "Key"), name("#/b", "Key", scope="others")], Lock()).changed == ()


def test_the_file_comes_back() -> None:
    lock = Lock({'type #/"x"': ("X", "12"), "method #/p": ("a.b", "")})

    assert Lock.loads(lock.dumps()) == lock
    with pytest.raises(ValueError, match="the format 7"):
        Lock.loads('{"format": 7}')


def test_the_shape_is_without_names_and_docs() -> None:
    one = Model("A", "#/A", (Field("x", Prim("string"), True, "#/A/x", "doc"),), "doc")
    other = Model("B", "#/B", (Field("x", Prim("string"), True, "#/B/x"),))

    assert shape_of(one) == shape_of(other)
    assert shape_of(one) != shape_of(Model("A", "#/A", (Field("x", Prim("string"), False, "#/A/x"),)))
