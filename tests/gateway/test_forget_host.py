from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway.models import Heartbeat

pytestmark = pytest.mark.django_db


def beat(name: str, host: str, *, ago_s: float, place: str = "p.1") -> None:
    about = {"host": host} | ({"place": place} if place else {})
    Heartbeat.objects.create(name=name, at=timezone.now() - timedelta(seconds=ago_s), info=about)


def names() -> set[str]:
    return set(Heartbeat.objects.values_list("name", flat=True))


def test_processes_of_a_lost_host_are_forgotten_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    beat("writer:lost:a.1", "lost", ago_s=90)
    beat("background:lost:a.1", "lost", ago_s=3_000)
    beat("writer:other:b.1", "other", ago_s=90)
    beat("backup", "lost", ago_s=90_000, place="")
    call_command("forget_host", "lost")
    assert names() == {"writer:other:b.1", "backup"}
    assert capsys.readouterr().out == "Forgot 2 processes of lost: background:lost:a.1, writer:lost:a.1.\n"


def test_a_host_that_lives_is_not_forgotten() -> None:
    beat("writer:here:a.1", "here", ago_s=5)
    beat("beat:here:a.1", "here", ago_s=900)
    with pytest.raises(CommandError, match=r"here lives: writer:here:a\.1\."):
        call_command("forget_host", "here")
    assert names() == {"writer:here:a.1", "beat:here:a.1"}


def test_again_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("forget_host", "never-there")
    assert capsys.readouterr().out == "Forgot 0 processes of never-there: none.\n"
