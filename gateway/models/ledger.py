"""The ledger and its bookkeeping. The table itself is partitioned and made by a SQL migration (rule 11)."""

from typing import ClassVar

from django.db import models

from gateway import querysets
from gateway.choices import JobStatus, LineKind, LineStatus, Origin, PriceStatus, UsageSource
from gateway.ledger.ids import uuid7
from gateway.models.identity import User

MIN_OUTPUT_MS = 0.001  # the clock's resolution; a shorter answer has no rate


class LineColumns(models.Model):
    """Abstract: the columns of a ledger line, in the ledger and in an archive of it."""

    pk = models.CompositePrimaryKey("ledger_shard", "started_at", "id")
    id = models.UUIDField()
    request_id = models.CharField(max_length=128)
    ledger_shard = models.SmallIntegerField()
    booked_at = models.DateTimeField()
    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    end_user = models.TextField(null=True)
    tag_set = models.JSONField(null=True)
    kind = models.CharField(max_length=12, choices=LineKind.choices)
    is_final = models.BooleanField()
    started_at = models.DateTimeField()
    duration_ms = models.FloatField(null=True)
    ttft_ms = models.FloatField(null=True)
    output_ms = models.FloatField(null=True)
    endpoint = models.CharField(max_length=60)
    is_stream = models.BooleanField()
    provider = models.CharField(max_length=60, null=True)
    model_requested = models.CharField(max_length=200)
    model_served = models.CharField(max_length=200, null=True)
    route = models.CharField(max_length=200, null=True)
    route_decision = models.JSONField(null=True)
    status = models.CharField(max_length=14, choices=LineStatus.choices)
    http_status = models.SmallIntegerField(null=True)
    error_type = models.CharField(max_length=60, null=True)
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_5m_tokens = models.BigIntegerField()
    cache_write_1h_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    audio_input_tokens = models.BigIntegerField()
    audio_output_tokens = models.BigIntegerField()
    image_units = models.BigIntegerField()
    tool_calls = models.BigIntegerField()
    usage_source = models.CharField(max_length=10, choices=UsageSource.choices)
    charges = models.JSONField(default=list)
    cost = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    list_cost = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    currency = models.CharField(max_length=3)
    price_status = models.CharField(max_length=8, choices=PriceStatus.choices)
    service_tier_requested = models.CharField(max_length=30, null=True)
    service_tier_served = models.CharField(max_length=30, null=True)
    cache_status = models.CharField(max_length=6, null=True)
    max_tokens = models.BigIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, null=True)
    message_count = models.IntegerField(null=True)
    tool_count = models.IntegerField(null=True)
    sdk = models.CharField(max_length=80, null=True)
    client_ip_hash = models.BinaryField(null=True)
    origin = models.CharField(max_length=7, choices=Origin.choices)
    request_hmac = models.BinaryField(null=True)
    prefix_hmacs = models.BinaryField(null=True, help_text="8 bytes a prefix, successive 512-token prefixes.")
    corrects = models.UUIDField(null=True, help_text="Line that an adjustment corrects.")
    request_count = models.IntegerField(
        db_default=1, help_text="Requests the line stands for: 1, but for imported totals of several."
    )
    characters = models.BigIntegerField(db_default=0, help_text="Characters of a text that was spoken.")
    audio_ms = models.BigIntegerField(db_default=0, help_text="Length of a recording that was heard, milliseconds.")
    sdk_about = models.JSONField(
        null=True, help_text="What one of our SDKs says of itself: runtime, os, document, retry, helper."
    )

    is_archived = False
    """True on a line that was read from an archive."""

    class Meta:
        abstract = True


class LedgerLine(LineColumns):
    """One priced event. Append-only; key (ledger_shard, started_at, id); columns as the ledger contract names them.

    `input_tokens` includes cached, cache-write and audio parts, `output_tokens` includes reasoning and audio
    (OpenAI's convention); `charges` splits them. `cost` is None when the price is unknown, never 0 for that reason.
    Ids of organization, team, project, key and user are plain UUIDs: the ledger has no foreign key.
    """

    objects = querysets.LedgerLineQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "gateway_ledgerline"
        ordering: ClassVar = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.request_id}"

    @property
    def output_rate(self) -> float | None:
        """Visible output tokens per second of `output_ms`, which begins with the first of them: reasoning came before,
        unseen. None when not measured. The rollups compute the same in SQL (`analytics.rollups.ledger.OUTPUT_RATE`).
        """
        visible = self.output_tokens - self.reasoning_tokens
        if self.output_ms is None or not self.output_ms >= MIN_OUTPUT_MS or visible <= 0:
            return None
        return visible * 1000 / self.output_ms


class SpoolCursor(models.Model):
    """How far a spool is booked: committed in the transaction that inserts its lines (rule 9)."""

    spool_id = models.CharField(max_length=64, primary_key=True)
    segment = models.PositiveIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    registered_at = models.DateTimeField(auto_now_add=True)
    booked_at = models.DateTimeField(null=True)
    owner_seen_at = models.DateTimeField(null=True, help_text="Last heartbeat of the owning data plane.")
    closed_at = models.DateTimeField(null=True, help_text="Fully booked and its owner is gone.")

    def __str__(self) -> str:
        return f"{self.spool_id} {self.segment}:{self.offset}"


class QuarantinedLine(models.Model):
    """A line the database refused, kept byte for byte with the reason (rule 10). An open row is an alarm."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(max_length=120, help_text="spool id or import id")
    position = models.CharField(max_length=60, help_text="segment:offset or line number")
    payload = models.BinaryField()
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "position"], name="quarantine_unique")]

    def __str__(self) -> str:
        return f"{self.source} {self.position}"


class DirtyMark(models.Model):
    """Append-only mark: this organization's bucket has new lines (rule 14). `grain`: minute or quarter_hour."""

    id = models.BigAutoField(primary_key=True)
    organization = models.UUIDField()
    grain = models.CharField(max_length=12)
    bucket = models.DateTimeField()
    created_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        indexes: ClassVar = [
            # the rollup worker's work list
            models.Index(fields=["grain", "organization", "bucket"], name="dirty_by_bucket")
        ]

    def __str__(self) -> str:
        return f"{self.grain} {self.bucket}"


class SecurityEvent(models.Model):
    """A refused authentication or guardrail hit; unauthenticated ones are counted per minute, not per request."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    organization = models.UUIDField(null=True)
    api_key = models.UUIDField(null=True)
    prefix = models.CharField(max_length=16, blank=True)
    client_ip_hash = models.BinaryField(null=True)
    count = models.PositiveIntegerField(default=1)
    guardrail = models.UUIDField(null=True, help_text="The guardrail that found something.")
    action = models.CharField(max_length=6, blank=True, db_default="")
    details = models.CharField(max_length=200, blank=True, db_default="", help_text="Names of what was found.")

    class Meta:
        indexes: ClassVar = [
            # newest events of an organization
            models.Index(fields=["organization", "-at"], name="security_by_organization")
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class ImportRun(models.Model):
    """Progress of one imported file; `line` is committed with the lines before it, so an import resumes exactly.

    The sums (tokens, cost, unpriced, first and last time) are over the lines it added, none of those it found there.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.UUIDField()
    project = models.UUIDField(null=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=300, help_text="content hash and format of the file")
    file_name = models.CharField(max_length=300)
    format = models.CharField(max_length=20)
    mapping = models.JSONField(default=dict)
    size_bytes = models.BigIntegerField(null=True)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="", help_text="SHA-256 of the content.")
    line = models.BigIntegerField(default=0, help_text="Records already committed.")
    total_lines = models.BigIntegerField(null=True)
    imported = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(db_default=0, default=0, help_text="Records that are no usage.")
    quarantined = models.BigIntegerField(db_default=0, default=0)
    requests = models.BigIntegerField(db_default=0, default=0)
    unpriced = models.BigIntegerField(db_default=0, default=0)
    input_tokens = models.BigIntegerField(db_default=0, default=0)
    output_tokens = models.BigIntegerField(db_default=0, default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=10, db_default=0, default=0)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.RUNNING)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = querysets.ImportRunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "source", "mapping"], name="import_unique")
        ]

    def __str__(self) -> str:
        return f"{self.file_name} {self.status}"

    @property
    def progress(self) -> float:
        """0 to 1, by lines of the file; a document on one line has more records than lines."""
        if self.status == JobStatus.SUCCEEDED:
            return 1.0
        return min(1.0, self.line / self.total_lines) if self.total_lines else 0.0


class ImportChunk(models.Model):
    """A piece of an uploaded file until it is imported: encrypted, since exports can hold prompts, and in the database,
    since the process that imports it may run on another machine."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="import_chunk_unique")]

    def __str__(self) -> str:
        return f"chunk {self.number}"


class RejectedRecord(models.Model):
    """A record of an import that could not be read, kept aside with its line number and reason."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rejections")
    line = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    raw = models.TextField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "line"], name="rejection_unique")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
