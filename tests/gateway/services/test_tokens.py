"""Refresh tokens: what is kept of them works nowhere."""

import importlib

import pytest
from django.contrib import admin
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from gateway.models import User
from gateway.services import tokens
from tests import factories

REFRESH = "/api/v1/auth/token/refresh"
migration = importlib.import_module("gateway.migrations.0033_tokens_unstored")


@pytest.fixture
def bob(db: None) -> User:
    return factories.acme().people["bob"]


def kept() -> str:
    """All that the tables of tokens hold, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT json_agg(row)::text FROM token_blacklist_outstandingtoken row) || "
            "coalesce((SELECT json_agg(row)::text FROM token_blacklist_blacklistedtoken row), '')"
        )
        (text,) = cursor.fetchone()
    return str(text)


def test_no_row_holds_a_token_that_works(bob: User) -> None:
    pair = tokens.issue(user=bob)
    renewed = APIClient().post(REFRESH, {"refresh": pair.refresh}).json()

    rows = list(OutstandingToken.objects.order_by("id"))
    assert [row.token for row in rows] == ["", ""]
    assert [BlacklistedToken.objects.filter(token=row).exists() for row in rows] == [True, False]
    for token in (pair.refresh, pair.access, renewed["refresh"], renewed["access"]):
        assert token.rpartition(".")[2] not in kept()
    for row in rows:
        for said in (row.token, row.jti):
            assert APIClient().post(REFRESH, {"refresh": said}).status_code in (400, 401)
    assert APIClient().post(REFRESH, {"refresh": renewed["refresh"]}).status_code == 200


def test_whoever_writes_a_row_stores_no_token(bob: User) -> None:
    """The library itself, and the release before this one."""
    token = RefreshToken.for_user(bob)
    OutstandingToken.objects.filter(jti=token["jti"]).update(token=str(token))

    assert OutstandingToken.objects.get(jti=token["jti"]).token == ""
    assert APIClient().post(REFRESH, {"refresh": str(token)}).status_code == 200


def test_tokens_of_before_are_emptied_and_go_on_working(bob: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(migration.FORMER)
        token = RefreshToken.for_user(bob)
        assert OutstandingToken.objects.get(jti=token["jti"]).token == str(token)
        cursor.execute(migration.FORGET)

    assert OutstandingToken.objects.get(jti=token["jti"]).token == ""
    assert APIClient().post(REFRESH, {"refresh": str(token)}).status_code == 200


def test_the_administration_has_no_page_of_tokens() -> None:
    assert not admin.site.is_registered(OutstandingToken)
    assert not admin.site.is_registered(BlacklistedToken)
