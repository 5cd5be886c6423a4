import pytest

from finetuning.quality.checks.privacy import spans
from tests.finetuning.conftest import chat

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"key=sk-proj-{LETTERS}", "openai_key"),
        (f"sk-ant-api03-{LETTERS}", "anthropic_key"),
        ("AKIA0123456789ABCDEF", "aws_access_key"),
        (f"hf_{LETTERS[:34]}", "hugging_face_token"),
        (f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{LETTERS}", "private_key"),
        ('password: "hT5kQ9xZ2bLw"', "password"),
        ("api_key = hT5kQ9xZ2bLw", "password"),
        ("postgres://admin:hT5kQ9@db.internal/app", "url_password"),
    ],
)
def test_secrets(text, what):
    assert [(kind, name) for kind, name, _, _ in spans(text)] == [("secret", what)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("card 4178180099484691", "credit_card"),
        ("call me on +1 415 555 0145", "phone"),
        ("call (415) 623-1234", "phone"),
        ("ssn 219-09-6739", "us_ssn"),
        ("iban GB82WEST12345698765432", "iban"),
        ("mail qdtzmpf@gmail.com", "email"),
        ("from 8.8.4.4 today", None),
        ("from 81.169.145.70 today", "ip_address"),
    ],
)
def test_personal_data(text, what):
    assert [(kind, name) for kind, name, _, _ in spans(text)] == ([("pii", what)] if what else [])


@pytest.mark.parametrize(
    "text",
    [
        "card 4178180099484692", "order 1234567890123456", "version 1.2.3.4", "me@example.com", "127.0.0.1",
        'password: "your_password"', "the password is required", "password: <password>", "my password is secret",
        "token = None", "2026-11-29 10:15", "iban GB82WEST12345698765431", "sk-learn and scikit",
        "api_key = ${API_KEY}",
    ],
)  # fmt: skip
def test_look_alikes(text):
    assert spans(text) == []


def test_a_finding_does_not_repeat_the_value(found):
    (finding,) = found(chat('is my password: "hT5kQ9xZ2bLw" safe', "no"))

    assert (finding.kind, finding.severity, finding.path) == ("secret", "error", "messages[1].content")
    assert finding.message == "The text has a password beside its name at character 18."
