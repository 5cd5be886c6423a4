"""Patterns: real ones are found, look-alikes without a valid checksum are not. Numbers are the issuers' own test
numbers (Visa, Mastercard, American Express test cards; IBAN registry examples; AWS documentation keys)."""

import base64
import json
import zlib

import pytest

from gateway.guardrails.checks.deny_list import DenyListCheck
from gateway.guardrails.checks.json_schema import JsonSchemaCheck
from gateway.guardrails.checks.patterned import pii_check, secrets_check
from gateway.guardrails.finding import redacted
from gateway.guardrails.patterns import BASE62


def github_token(body: str = "abcdefghijklmnopqrstuvwxyz1234") -> str:
    value, check = zlib.crc32(body.encode()), ""
    while value:
        value, digit = divmod(value, 62)
        check = BASE62[digit] + check
    return f"ghp_{body}{check.rjust(6, '0')}"


def jwt() -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': '1234567890'})}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"


PERSONAL = [
    ("mail bob.smith+x@example.co.uk now", "email", "bob.smith+x@example.co.uk"),
    ("card 4111 1111 1111 1111.", "credit_card", "4111 1111 1111 1111"),
    ("card 5555555555554444", "credit_card", "5555555555554444"),
    ("4111 1111 1111 1111 12 34", "credit_card", "4111 1111 1111 1111"),
    ("12 4111 1111 1111 1111", "credit_card", "4111 1111 1111 1111"),
    ("DE89 3704 0044 0532 0130 00 AND MORE", "iban", "DE89 3704 0044 0532 0130 00"),
    ("amex 3782-822463-10005", "credit_card", "3782-822463-10005"),
    ("IBAN DE89 3704 0044 0532 0130 00!", "iban", "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
    ("ssn 219-09-9999", "us_ssn", "219-09-9999"),
    ("nhs 943 476 5919", "uk_nhs", "943 476 5919"),
    ("call +44 20 7946 0958", "phone", "+44 20 7946 0958"),
    ("from 192.168.10.254,", "ip_address", "192.168.10.254"),
]
NOT_PERSONAL = [
    "card 4111 1111 1111 1112", "0000 0000 0000 0000", "DE89 3704 0044 0532 0130 01", "ssn 000-12-3456",
    "ssn 923-12-3456", "943 476 5918", "version 1.2.3.4.5", "300.1.1.1", "user@localhost", "a@b", "+12 34",
    "order 1234567890123", "sha 4f2a8c1b9d", "2026-11-28 12:00:00",
]  # fmt: skip
SECRET = [
    (github_token(), "github_token"),
    (jwt(), "jwt"),
    ("AKIAIOSFODNN7EXAMPLE", "aws_access_key"),
    ("sk-ant-api03-" + "aB3dE5fG7hI9jK1lM3nO5pQ7", "anthropic_key"),
    ("sk-proj-" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW", "openai_key"),
    ("gw-" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vWxY2zA4bC6dE", "gateway_key"),
    ("sk_live_" + "aB3dE5fG7hI9jK1lM3nO5pQ7", "stripe_key"),
    ("glpat-" + "aB3dE5fG7hI9jK1lM3nO", "gitlab_token"),
    ("xoxb-123456789012-1234567890123-" + "aB3dE5fG7hI9jK1lM3nO5pQ7", "slack_token"),
    ("AIza" + "SyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v", "google_api_key"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAQAB==\n-----END RSA PRIVATE KEY-----", "private_key"),
]
NOT_SECRET = [
    github_token()[:-1] + ("a" if github_token()[-1] != "a" else "b"), "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "eyJub3Q.eyJqc29u.c2lnbmF0dXJlc2lnbmF0dXJl", "AKIA123", "-----BEGIN PUBLIC KEY-----", "gw-short",
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "match"), PERSONAL)
def test_personal_data_is_found(text: str, what: str, match: str) -> None:
    (found,) = pii_check().find(text)

    assert (found.what, text[found.start : found.end]) == (what, match)
    assert redacted(text, [found]) == text.replace(match, f"[REDACTED:{what}]")


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_look_alikes_of_personal_data_are_left_alone(text: str) -> None:
    assert pii_check().find(text) == []


@pytest.mark.parametrize(("secret", "what"), SECRET, ids=[what for _, what in SECRET])
def test_secrets_are_found(secret: str, what: str) -> None:
    text = f"use {secret} please"

    (found,) = secrets_check().find(text)

    assert (found.what, text[found.start : found.end]) == (what, secret)


@pytest.mark.parametrize("text", NOT_SECRET)
def test_look_alikes_of_secrets_are_left_alone(text: str) -> None:
    assert secrets_check().find(text) == []


def test_an_unfinished_private_key_is_a_secret_too() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"

    assert redacted(text, secrets_check().find(text)) == "[REDACTED:private_key]"


def test_entities_narrow_and_unknown_ones_are_refused() -> None:
    assert pii_check(["iban"]).find("bob@example.com 4111 1111 1111 1111") == []
    with pytest.raises(ValueError, match="unknown entity 'shoe_size'"):
        pii_check(["shoe_size"])


def test_denied_words_are_whole_words_in_any_case_and_any_spacing() -> None:
    check = DenyListCheck(["project  Falcon", "c++", "über"])
    text = "PROJECT\nfalcon, falconer, C++ and ÜBER; c+"

    assert [text[found.start : found.end] for found in check.find(text)] == ["PROJECT\nfalcon", "C++", "ÜBER"]


@pytest.mark.parametrize(
    ("text", "whats"),
    [
        ('{"a": 1}', []),
        ('```json\n{"a": 1}\n```', []),
        ('{"a": "x"}', ["json_schema"]),
        ('{"b": 1}', ["json_schema"]),
        ("Sure! {}", ["not_json"]),
    ],
)
def test_answers_must_have_the_shape(text: str, whats: list[str]) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'

    assert [found.what for found in JsonSchemaCheck(schema).find(text)] == whats


@pytest.mark.parametrize("schema", ["{", '{"type": 7}', '{"$ref": "https://example.com/x.json"}'])
def test_schemas_that_cannot_be_are_refused(schema: str) -> None:
    with pytest.raises(ValueError):
        JsonSchemaCheck(schema)
