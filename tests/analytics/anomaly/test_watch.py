"""The watch over hourly figures: what it finds, what it lets be, that it is causal, and how alerts become incidents."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.anomaly.baseline import band
from analytics.anomaly.frame import WHOLE, Frame, Scope, empty
from analytics.anomaly.incidents import causes, track
from analytics.anomaly.watch import Settings, watch

START = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
HOURS = 24 * 35
AT = 24 * 30 + 14
A, B = ("api_key", "a"), ("api_key", "b")
SCOPES: list[Scope] = [WHOLE, ("project", "p"), A, B, ("model", "m"), ("provider", "o")]
USUAL = Settings()
PARENTS = {A: {("project", "p")}, B: {("project", "p")}, ("model", "m"): {("provider", "o")}}


@pytest.fixture
def frame() -> Frame:
    """Two keys of one project on one model: 60 and 40 calls an hour by day, a cent each, 1 % errors."""
    made = empty(START, SCOPES, HOURS)
    rng = np.random.default_rng(11)
    shape = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(HOURS) - 8) / 24)
    first, second = rng.poisson(60 * shape), rng.poisson(40 * shape)
    for row in range(len(SCOPES)):
        calls = first if row == 2 else second if row == 3 else first + second
        add(made, row, slice(None), calls.astype(float))
    made.figures["latency_p95"][:] = 900 * np.exp(0.05 * rng.standard_normal(HOURS))
    return made


def add(frame: Frame, row: int, hours: slice, calls: np.ndarray | float, cost: float = 0.01) -> None:
    each: Mapping[str, float] = {
        "requests": 1, "errors": 0.01, "tokens": 1_200, "input_tokens": 1_000, "cache_read_tokens": 600,
        "cost": cost, "list_cost": 0.01,
    }  # fmt: skip
    for name, value in each.items():
        frame.figures[name][row, hours] += value * np.asarray(calls)


def first_causes(frame: Frame, settings: Settings = USUAL) -> list[tuple[str, int, str, str]]:
    found = watch(frame, since=24 * 14, settings=settings)
    incidents = track([], found.alerts, PARENTS)
    firsts = [(each, causes(frame, found, each)[0]) for each in incidents]
    return [(each.root_key[0], each.start, cause.dimension, cause.value) for each, cause in firsts]


def test_an_ordinary_month_is_quiet(frame: Frame) -> None:
    assert watch(frame, since=24 * 14).alerts == []


def test_a_runaway_key(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 2_000.0)

    assert first_causes(frame) == [("cost", AT, "api_key", "a")]


def test_an_outage_of_the_provider(frame: Frame) -> None:
    frame.figures["errors"][:, AT : AT + 3] = 0.8 * frame.figures["requests"][:, AT : AT + 3]

    assert first_causes(frame) == [("error_rate", AT, "provider", "o")]


def test_few_calls_say_nothing_about_errors(frame: Frame) -> None:
    for name in ("requests", "errors"):
        frame.figures[name][:, AT] = 4.0

    assert not [alert for alert in watch(frame, since=AT).alerts if alert.metric == "error_rate"]


def test_the_cache_is_lost_in_a_project(frame: Frame) -> None:
    frame.figures["cache_read_tokens"][:, AT:] = 0.0

    assert first_causes(frame) == [("cached_share", AT, "project", "p")]


def test_another_price(frame: Frame) -> None:
    frame.figures["cost"][:, AT:] *= 0.84

    assert first_causes(frame) == [("price", AT, "model", "m")]


def test_calls_that_a_commitment_covers_have_no_price_to_change(frame: Frame) -> None:
    """They cost nothing; each noon the commitment itself does."""
    frame.figures["cost"][4] = 0.0
    frame.figures["cost"][4, 12::24] = 6.0

    assert [alert for alert in watch(frame, since=24 * 14).alerts if alert.metric == "price"] == []


def test_calls_that_a_commitment_covers_from_now_on_have_no_price_any_more(frame: Frame) -> None:
    frame.figures["cost"][4, -48:] = 0.0
    frame.figures["cost"][4, -36::24] = 6.0  # the commitment itself

    assert [alert for alert in watch(frame, since=24 * 14).alerts if alert.metric == "price"] == []


def test_another_model_serves_and_its_requests_belong_to_it(frame: Frame) -> None:
    calls = frame.figures["requests"][0]
    old, new = calls.copy(), np.zeros(HOURS)
    new[AT:], old[AT:] = calls[AT:], 0.0
    frame = Frame(frame.start, frame.scopes, frame.figures, {"chat": {"m": old, "n": new}})

    assert first_causes(frame) == [("served_model", AT, "model_requested", "chat")]
    alert = watch(frame, since=AT).alerts[0]
    assert (alert.usual, alert.instead, alert.actual) == ("m", "n", 0.0)


def test_slow_answers_twice_in_three_hours(frame: Frame) -> None:
    frame.figures["latency_p95"][5, AT] = 9_000.0
    assert watch(frame, since=AT).alerts == []

    frame.figures["latency_p95"][5, AT + 2] = 9_000.0
    (alert,) = watch(frame, since=AT).alerts
    assert (alert.metric, alert.scope, alert.hour) == ("latency_p95", ("provider", "o"), AT + 2)


def test_later_hours_never_change_earlier_alerts(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 2_000.0)
    frame.figures["errors"][:, AT + 30 : AT + 33] = 80.0
    whole = watch(frame, since=24 * 14).alerts

    for end in (AT + 1, AT + 3, AT + 31):
        cut = Frame(frame.start, frame.scopes, {n: v[:, :end] for n, v in frame.figures.items()}, {})
        assert watch(cut, since=24 * 14).alerts == [alert for alert in whole if alert.hour < end]


def test_scanning_hour_by_hour_finds_the_same(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 2_000.0)
    whole = watch(frame, since=AT - 2).alerts

    assert [a for a in whole if a.hour == AT + 2] == [a for a in watch(frame, since=AT + 2).alerts if a.hour == AT + 2]


def test_an_event_during_a_lasting_one_is_its_own(frame: Frame) -> None:
    frame.figures["cache_read_tokens"][:, AT - 72 :] = 0.0
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 2_000.0)

    assert [cause[2:] for cause in first_causes(frame)] == [("project", "p"), ("api_key", "a")]


def test_many_series_are_judged_as_few_are() -> None:
    rng = np.random.default_rng(4)
    values = rng.poisson(40, (450, 24 * 21)).astype(float)

    whole, few = band(values, START), band(values[300:310], START)

    np.testing.assert_array_equal(whole.expected[300:310], few.expected)
    np.testing.assert_array_equal(whole.spread[300:310], few.spread)
    assert whole.spread.shape == (450, 24 * 21)


def test_money_below_the_minimum_is_let_be(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 2_000.0)

    assert first_causes(frame, Settings(min_impact=100.0)) == []


def test_feedback_quiets_a_series(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 600.0)

    loud = {alert.key for alert in watch(frame, since=AT).alerts}
    quiet = {alert.key for alert in watch(frame, since=AT, settings=Settings(tuning={("cost", A): 9.0})).alerts}
    assert loud - quiet == {("cost", A)}


def test_a_more_sensitive_watch_says_more(frame: Frame) -> None:
    for row in (0, 1, 2, 4, 5):
        add(frame, row, slice(AT, AT + 5), 150.0)

    counts = [len(watch(frame, since=AT, settings=Settings(sensitivity=level)).alerts) for level in (1, 5, 10)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]
