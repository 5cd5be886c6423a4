"""Applying changes routes and cache policies, and taking it back leaves what was."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.models import RecommendationState as State
from costs.recommendations import changes, services
from costs.recommendations.changes import name_of, plan_of
from costs.savings.proposals import Category, Change, Slice
from gateway.models import AuditEvent, CachePolicy, Model, Route
from gateway.services import catalog
from gateway.services.errors import Conflict, Invalid
from gateway.services.routing import Sample, simulate
from tests.costs.recommendations.conftest import Kept
from tests.costs.recommendations.findings import START, by_hand, proposal, repeated
from tests.factories import Acme, book_lines, line

pytestmark = pytest.mark.django_db
OLD, NEW = {"provider": "upstream", "model": "gpt-4o"}, {"provider": "upstream", "model": "gpt-4o-mini"}


def applied(company: Acme, row: Any, **asked: Any) -> Any:
    return services.apply_recommendation(recommendation=row, actor=company.people["adam"], **asked)


def reverted(company: Acme, row: Any) -> Any:
    return services.revert_recommendation(recommendation=row, actor=company.people["adam"])


def verbs(company: Acme) -> list[str]:
    events = AuditEvent.objects.filter(organization=company.organization, actor_id=str(company.people["adam"].pk))
    return list(events.order_by("id").values_list("verb", flat=True))


def test_a_model_without_a_route_gets_one_for_the_slice_alone(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))

    route = Route.objects.get(alias="gpt-4o")
    name = name_of(row)
    assert name == f"Saving {row.pk.hex[-8:]}: Move Assistant to gpt-4o-mini"
    assert route.config == {
        "rules": [
            {"name": name, "when": {"projects": [str(company.assistant.pk)]}, "use": [NEW]},
            {"name": "Other calls as before", "use": [OLD], "only": True},
        ]
    }
    assert route.description == f"{name} (made by applying the recommendation)"
    assert [(one.model.name, one.priority) for one in route.targets.all()] == [("gpt-4o", 0), ("gpt-4o-mini", 1)]
    assert (row.state, row.applied["how"], row.state_by) == (State.APPLIED, "route", company.people["adam"])
    assert verbs(company) == ["route.create", "recommendation.apply"]


def test_the_slice_goes_to_the_new_model_and_others_do_not(company: Acme, kept: Kept) -> None:
    applied(company, kept(proposal(company)))
    route = Route.objects.get(alias="gpt-4o")

    def first(key: str) -> tuple[str, float]:
        asked = simulate(route=route, organization=company.organization, sample=Sample(key=company.keys[key]))
        best = next(one for one in asked.targets if one.position == 1)
        return best.target.model.name, best.probability

    assert (first("bob"), first("ads")) == (("gpt-4o-mini", 1.0), ("gpt-4o", 1.0))


def test_a_share_is_an_arm_of_a_split(company: Acme, kept: Kept) -> None:
    applied(company, kept(proposal(company)), share=10)

    (rule, _) = Route.objects.get(alias="gpt-4o").config["rules"]
    assert (rule["by"], rule["split"]) == (
        "end_user",
        [{"name": "present", "weight": 90, "use": [OLD]}, {"name": "moved", "weight": 10, "use": [NEW]}],
    )


def test_calls_that_come_by_a_route_are_moved_there_and_its_own_rules_stay(company: Acme, kept: Kept) -> None:
    own = {"name": "long", "when": {"min_prompt_tokens": 8000}, "use": [OLD]}
    catalog.update_route(route=company.route, actor=None, config={"rules": [own], "overrides": []})
    book_lines(line(company, at=START + timedelta(days=1), route="fast", model_requested="fast"))
    row = kept(proposal(company))

    applied(company, row)
    company.route.refresh_from_db()
    assert [rule["name"] for rule in company.route.config["rules"]] == [name_of(row), "long", "Other calls as before"]
    assert not Route.objects.filter(alias="gpt-4o").exists()
    reverted(company, row)

    company.route.refresh_from_db()
    assert company.route.config == {"rules": [own], "overrides": []}
    assert [one.model.name for one in company.route.targets.all()] == ["gpt-4o"]


def test_taking_it_back_removes_the_route_that_was_made(company: Acme, kept: Kept) -> None:
    row = reverted(company, applied(company, kept(proposal(company))))

    assert not Route.objects.filter(alias="gpt-4o").exists()
    assert (row.state, row.applied, row.applied_at) == (State.OPEN, None, None)
    assert verbs(company)[2:] == ["route.delete", "recommendation.revert"]


def test_taking_it_back_leaves_a_route_that_people_made_whatever_it_is_called(company: Acme, kept: Kept) -> None:
    catalog.update_route(route=company.route, actor=None, description="Saving money on chat")
    book_lines(line(company, at=START + timedelta(days=1), route="fast", model_requested="fast"))
    row = applied(company, kept(proposal(company)))

    reverted(company, row)

    company.route.refresh_from_db()
    assert (company.route.config, company.route.description) == ({}, "Saving money on chat")


def test_calls_by_more_names_than_can_be_changed_at_once_are_not_changed_in_part(
    company: Acme, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_ALIASES", 1)
    at = START + timedelta(days=1)
    book_lines(line(company, at=at), line(company, at=at, route="fast", model_requested="fast"))
    cap = Change(Category.OUTPUT_LENGTH, settings={"max_tokens": "900"})

    with pytest.raises(Conflict, match="more than 1 name"):
        applied(company, kept(proposal(company)))
    assert not Route.objects.filter(alias="gpt-4o").exists()
    assert plan_of(kept(proposal(company, key="cap", category=Category.OUTPUT_LENGTH, change=cap))).how == "hand"


def test_what_people_have_changed_since_stays(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(proposal(company)))
    route = Route.objects.get(alias="gpt-4o")
    mine = {"name": "mine", "when": {"tools": True}, "use": [NEW]}
    catalog.update_route(route=route, actor=None, config={"rules": [mine, *route.config["rules"]]}, retries=2)

    reverted(company, row)

    route.refresh_from_db()
    assert (route.config, route.retries) == ({"rules": [mine]}, 2)
    assert [one.model.name for one in route.targets.all()] == ["gpt-4o", "gpt-4o-mini"]


def test_a_target_that_is_not_there_is_named_and_nothing_is_changed(company: Acme, kept: Kept) -> None:
    row = kept(proposal(company, change=Change(Category.CHEAPER_MODEL, "elsewhere", "gpt-5-nano")))

    with pytest.raises(Conflict) as refused:
        applied(company, row)

    assert (refused.value.code, refused.value.message) == (
        "target_missing", "There is no enabled model gpt-5-nano at elsewhere; add it first, then apply."
    )  # fmt: skip
    row.refresh_from_db()
    assert (row.state, Route.objects.filter(alias="gpt-4o").exists()) == (State.OPEN, False)


def test_a_project_gets_a_cache_and_loses_it(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(repeated(company)))

    policy = CachePolicy.objects.get(project=company.banner)
    assert (policy.is_enabled, policy.ttl_s) == (True, 600)
    reverted(company, row)
    assert not CachePolicy.objects.filter(project=company.banner).exists()


def test_a_policy_that_is_there_is_changed_and_set_back_unless_somebody_has_changed_it(
    company: Acme, kept: Kept
) -> None:
    policy = CachePolicy.objects.create(
        organization=company.organization, project=company.banner, is_enabled=False, ttl_s=60
    )
    row = applied(company, kept(repeated(company)))

    policy.refresh_from_db()
    assert (policy.is_enabled, policy.ttl_s) == (True, 600)
    reverted(company, row)
    policy.refresh_from_db()
    assert (policy.is_enabled, policy.ttl_s) == (False, 60)
    applied(company, row)
    CachePolicy.objects.filter(pk=policy.pk).update(ttl_s=90)
    reverted(company, row)
    policy.refresh_from_db()
    assert (policy.is_enabled, policy.ttl_s) == (True, 90)


def test_a_cap_is_put_on_a_route_that_no_other_calls_come_by(company: Acme, kept: Kept) -> None:
    book_lines(line(company, at=START + timedelta(days=1)))
    cap = Change(Category.OUTPUT_LENGTH, settings={"max_tokens": "900"})
    row = kept(proposal(company, category=Category.OUTPUT_LENGTH, change=cap))

    applied(company, row)

    assert Route.objects.get(alias="gpt-4o").output_cap == 900
    reverted(company, row)
    assert not Route.objects.filter(alias="gpt-4o").exists()
    book_lines(line(company, at=START + timedelta(days=2), project=company.banner))
    assert plan_of(row).how == "hand"
    assert applied(company, row).applied == {"how": "hand"}


def test_what_the_gateway_cannot_do_is_noted_as_done_by_hand(company: Acme, kept: Kept) -> None:
    row = kept(by_hand(company))

    with pytest.raises(Invalid) as refused:
        applied(company, row, share=10)
    row = applied(company, row)

    assert (refused.value.code, row.applied, row.state) == ("share_not_possible", {"how": "hand"}, State.APPLIED)
    assert (Route.objects.count(), Model.objects.count(), verbs(company)) == (1, 2, ["recommendation.apply"])
    assert applied(company, row).state_at == row.state_at


@pytest.mark.parametrize("share", [0, 101])
def test_a_share_lies_between_one_and_a_hundred(company: Acme, kept: Kept, share: int) -> None:
    with pytest.raises(Invalid) as refused:
        applied(company, kept(proposal(company)), share=share)

    assert refused.value.code == "share_out_of_range"


def test_what_is_applied_is_taken_back_before_it_is_dismissed(company: Acme, kept: Kept) -> None:
    row = applied(company, kept(by_hand(company)))
    adam = company.people["adam"]

    with pytest.raises(Conflict) as refused:
        services.dismiss_recommendation(recommendation=row, actor=adam, reason="No.")
    assert refused.value.code == "recommendation_applied"
    with pytest.raises(Invalid) as refused_reason:
        services.dismiss_recommendation(recommendation=reverted(company, row), actor=adam, reason=" ")
    assert refused_reason.value.code == "reason_missing"
    with pytest.raises(Invalid) as refused_days:
        services.snooze_recommendation(recommendation=row, actor=adam, days=91)
    assert refused_days.value.code == "days_out_of_range"


def test_two_savings_on_one_route_come_and_go_in_any_order(company: Acme, kept: Kept) -> None:
    first = applied(company, kept(proposal(company)))
    banner = Slice(project=str(company.banner.pk), provider="upstream", model="gpt-4o")
    second = applied(company, kept(proposal(company, key="banner", title="Move Banner", slice=banner)))

    assert len(Route.objects.get(alias="gpt-4o").config["rules"]) == 3
    reverted(company, first)
    assert [rule["name"] for rule in Route.objects.get(alias="gpt-4o").config["rules"]] == [
        name_of(second), "Other calls as before"
    ]  # fmt: skip
    reverted(company, second)
    assert not Route.objects.filter(alias="gpt-4o").exists()
    assert Decimal(first.monthly_saving) == 90


@pytest.mark.parametrize("goes_first", [0, 1])
def test_a_target_of_two_savings_goes_with_the_last_of_them(company: Acme, kept: Kept, goes_first: int) -> None:
    """Both add gpt-4o-mini to a route that people made, which is afterwards what it was."""
    at = START + timedelta(days=1)
    fast = {"route": "fast", "model_requested": "fast"}
    book_lines(line(company, at=at, **fast), line(company, at=at, project=company.banner, **fast))
    banner = Slice(project=str(company.banner.pk), provider="upstream", model="gpt-4o")
    rows = [applied(company, kept(one)) for one in (proposal(company), proposal(company, key="banner", slice=banner))]

    reverted(company, rows.pop(goes_first))
    assert [one.model.name for one in company.route.targets.all()] == ["gpt-4o", "gpt-4o-mini"]
    reverted(company, rows.pop())

    company.route.refresh_from_db()
    assert (company.route.config, [one.model.name for one in company.route.targets.all()]) == ({}, ["gpt-4o"])


@pytest.mark.parametrize("goes_first", [0, 1])
@pytest.mark.parametrize("before", [None, {"is_enabled": False, "ttl_s": 60}])
def test_a_cache_of_two_savings_is_off_with_the_last_of_them(
    company: Acme, kept: Kept, before: dict[str, Any] | None, goes_first: int
) -> None:
    if before:
        CachePolicy.objects.create(organization=company.organization, project=company.banner, **before)
    rows = [applied(company, kept(one)) for one in (repeated(company), repeated(company, key="of another model"))]

    reverted(company, rows.pop(goes_first))
    assert CachePolicy.objects.get(project=company.banner).ttl_s == 600
    reverted(company, rows.pop())

    left = CachePolicy.objects.filter(project=company.banner).values("is_enabled", "ttl_s").first()
    assert left == before
