import pytest

from finetuning.quality.checks import presidio
from finetuning.quality.checks.presidio import found_in, is_installed
from tests.conftest import PRESIDIO_ABSENT
from tests.finetuning.conftest import chat

installed = pytest.mark.skipif(not is_installed(), reason=PRESIDIO_ABSENT)


@installed
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Our ABN is 51 824 753 556, please put it on the invoice.", [("AU_ABN", 11)]),
        ("Mój PESEL to 44051401359.", [("PL_PESEL", 13)]),
        ("Mój PESEL to 44051401358.", []),  # its checksum is wrong
        ("Order 44051401359 has not come.", []),  # a number that nobody named
        ("My card is 4178180099484691.", []),  # our own patterns have it
    ],
)
def test_numbers_that_a_checksum_proves(text, found):
    assert list(found_in(text)) == found


@installed
def test_as_a_finding(told):
    assert told(chat("Our ABN is 51 824 753 556, is it right?", "It is.")) == [("pii", "messages[1].content")]


def test_without_it_nothing_is_found_and_nothing_fails(told, monkeypatch):
    monkeypatch.setattr(presidio, "is_installed", lambda: False)

    assert told(chat("Our ABN is 51 824 753 556, is it right?", "It is.")) == []
