"""Rows of alerts: rules, channels, where each stands, what happened, what was sent."""

from typing import ClassVar

from django.db import models
from django.db.models import TextChoices

from gateway.choices import LimitScope
from gateway.models import Organization, OutboxMessage, Team, User
from gateway.models.base import Record
from gateway.querysets import ScopedQuerySet, VisibleQuerySet


class Severity(TextChoices):
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Comparison(TextChoices):
    ABOVE = "gt", "above"
    BELOW = "lt", "below"


class Baseline(TextChoices):
    """What a figure is compared with."""

    STATIC = "static", "the threshold"
    PREVIOUS = "previous_period", "the window before"
    WEEK = "previous_week", "the same window a week before"


class NoData(TextChoices):
    KEEP = "keep", "stay as it is"
    OK = "ok", "count as fine"
    FIRE = "fire", "count as a breach"


class ChannelKind(TextChoices):
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack-compatible webhook"
    WEBHOOK = "webhook", "Signed webhook"
    OWNERS = "owners", "E-mail to the owners"


class AlertState(TextChoices):
    OK = "ok", "OK"
    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"


class EventKind(TextChoices):
    FIRED = "fired", "Fired"
    REPEATED = "repeated", "Still firing"
    RESOLVED = "resolved", "Resolved"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    TEST = "test", "Test"


class OfRuleQuerySet(VisibleQuerySet):
    """What belongs to visible rules."""

    def _visible_q(self, user: object) -> models.Q:
        rules = AlertRule.objects.visible_to(user)  # type: ignore[arg-type]
        return models.Q(rule__in=rules.order_by().values("pk"))


class AlertRule(Record):
    """When somebody wants to be told. `source`: `metric`, or the name of a source that an app contributes; `measure` to
    `minimum_requests` are of metrics, `parameters` of other sources. Scope as in budgets: `*` watches each."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=40, default="metric")
    parameters = models.JSONField(default=dict, blank=True)
    scope = models.CharField(max_length=12, choices=LimitScope.choices, default=LimitScope.ORGANIZATION)
    scope_value = models.CharField(max_length=300, db_collation="C", blank=True)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="+", null=True, blank=True, editable=False,
        help_text="Team whose managers see and change it.",
    )  # fmt: skip
    measure = models.CharField(max_length=60, blank=True)
    filters = models.JSONField(default=list, blank=True)
    window_minutes = models.PositiveIntegerField(default=60)
    comparison = models.CharField(max_length=2, choices=Comparison.choices, default=Comparison.ABOVE)
    baseline = models.CharField(max_length=16, choices=Baseline.choices, default=Baseline.STATIC)
    threshold = models.DecimalField(max_digits=30, decimal_places=10, null=True, blank=True)
    minimum_requests = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    after = models.PositiveSmallIntegerField(default=1)
    repeat_minutes = models.PositiveIntegerField(default=0)
    no_data = models.CharField(max_length=4, choices=NoData.choices, default=NoData.KEEP)
    mute_windows = models.JSONField(default=list, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    muted_until = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    evaluated_for = models.DateTimeField(null=True, blank=True, editable=False, help_text="Minute of the last look.")
    problem = models.CharField(max_length=300, blank=True, editable=False, help_text="Why the last look failed.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    archived_at = models.DateTimeField(null=True, blank=True)
    default = models.CharField(
        max_length=40, null=True, editable=False, help_text="Which of the rules that an organization begins with."
    )

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "default"], name="alert_rule_default_unique")
        ]
        indexes: ClassVar = [
            # what the evaluation has still to look at in this minute
            models.Index(fields=["evaluated_for"], name="alert_rule_due", condition=models.Q(archived_at=None))
        ]

    def __str__(self) -> str:
        return self.name


class AlertChannel(Record):
    """Where a rule's notices go. `target` (address or URL) and the signing `secret` are encrypted: a webhook's URL is a
    credential. `owners` has no target: whoever owns the organization when it happens. An archived one gets nothing
    more; its log stays."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=8, choices=ChannelKind.choices)
    target = models.BinaryField()
    shown = models.CharField(max_length=200, help_text="The target as it may be shown.")
    secret = models.BinaryField(null=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.shown}"


class Alert(Record):
    """Where a rule stands about one subject (empty where it watches one thing)."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    subject = models.CharField(max_length=300, db_collation="C", blank=True)
    label = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, choices=AlertState.choices, default=AlertState.OK)
    since = models.DateTimeField()
    streak = models.PositiveIntegerField(default=0)
    told_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    value = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    threshold = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    text = models.CharField(max_length=500, blank=True)

    objects = OfRuleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-since", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "subject"], name="alert_unique")]
        indexes: ClassVar = [
            # what fires now
            models.Index(fields=["-since"], name="alert_firing", condition=models.Q(state="firing"))
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.subject} {self.state}"


class AlertEvent(Record):
    """Something that happened to an alert; one of a kind for each minute, however many schedulers look."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="events")
    subject = models.CharField(max_length=300, db_collation="C", blank=True)
    label = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    window = models.DateTimeField(help_text="The minute it was found in.")
    value = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    threshold = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    text = models.CharField(max_length=500, blank=True)
    by_user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    is_once = models.BooleanField(default=False, help_text="Told once for the subject, whatever it does afterwards.")

    objects = OfRuleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "window", "subject", "kind"], name="alert_event_unique"),
            models.UniqueConstraint(
                fields=["rule", "subject", "kind"],
                name="alert_event_once",
                condition=models.Q(is_once=True, kind__in=("fired", "resolved")),
            ),
        ]
        indexes: ClassVar = [
            # the history of a rule
            models.Index(fields=["rule", "-created_at"], name="alert_event_by_rule")
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.kind} {self.window:%Y-%m-%d %H:%M}"


class AlertDelivery(Record):
    """An event on its way through a channel; how far it is, is in the outbox message."""

    event = models.ForeignKey(AlertEvent, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(OutboxMessage, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "channel", "message"], name="alert_delivery_unique")
        ]

    def __str__(self) -> str:
        return f"{self.event_id} by {self.channel_id}"

    @property
    def status(self) -> str:
        """delivered, failed (given up), retrying, or queued."""
        if self.message.delivered_at:
            return "delivered"
        if self.message.dead_at:
            return "failed"
        return "retrying" if self.message.attempts else "queued"
