"""Closed vocabularies shared by models, the data plane and the API (names as in the ledger contract)."""

from django.db.models import TextChoices


class Role(TextChoices):
    """Roles inside one organization, most powerful first."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    MANAGER = "manager", "Manager"
    ANALYST = "analyst", "Analyst"
    DEVELOPER = "developer", "Developer"


class Scope(TextChoices):
    """What a key may do."""

    INFERENCE = "inference", "Call models"
    INGEST = "ingest", "Send traces"
    MANAGE_READ = "manage:read", "Read the management API"
    MANAGE_WRITE = "manage:write", "Change through the management API"


class LimitScope(TextChoices):
    """What limits, budgets and alerts are about."""

    ORGANIZATION = "organization", "Organization"
    TEAM = "team", "Team"
    PROJECT = "project", "Project"
    KEY = "key", "Key"
    USER = "user", "Person"
    END_USER = "end_user", "End user"
    TAG = "tag", "Tag"
    MODEL = "model", "Model"


class ProviderKind(TextChoices):
    """Wire format and vendor of an upstream."""

    OPENAI = "openai", "OpenAI"
    AZURE = "azure", "Azure OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GOOGLE = "google", "Google Gemini"
    BEDROCK = "bedrock", "Amazon Bedrock"
    MISTRAL = "mistral", "Mistral"
    GROQ = "groq", "Groq"
    TOGETHER = "together", "Together"
    FIREWORKS = "fireworks", "Fireworks"
    COHERE = "cohere", "Cohere"
    DEEPSEEK = "deepseek", "DeepSeek"
    XAI = "x-ai", "xAI"
    OPENROUTER = "openrouter", "OpenRouter"
    VLLM = "vllm", "vLLM"
    OLLAMA = "ollama", "Ollama"
    HUGGINGFACE = "huggingface", "Hugging Face"
    COMPATIBLE = "openai-compatible", "Other OpenAI-compatible"
    LOCAL_HEAD = "local-head", "Local heads, in the gateway itself"


class RouteStrategy(TextChoices):
    """How a route orders its targets; presets of `gateway.dataplane.routing`."""

    PRIORITY = "priority", "Priority and weight"
    COST = "cost-optimized", "Lowest expected cost"
    LATENCY = "latency-optimized", "Lowest latency"
    QUALITY = "quality-optimized", "Best recorded quality"
    LOAD = "load-balanced", "Fewest running calls"
    CONTENT = "content-based", "By what is asked"
    PREFERENCE = "preference", "By who asks"
    WEIGHTED = "weighted", "Own weights"


class LineKind(TextChoices):
    """Kind of a ledger line."""

    ATTEMPT = "attempt", "Attempt"
    CACHE_HIT = "cache_hit", "Cache hit"
    DENIED = "denied", "Denied"
    TRAINING = "training", "Training"
    HOSTING = "hosting", "Hosting"
    GRADER = "grader", "Grader"
    COMMITMENT = "commitment", "Commitment"
    ADJUSTMENT = "adjustment", "Adjustment"


class LineStatus(TextChoices):
    """How an attempt ended."""

    OK = "ok", "OK"
    CLIENT_ERROR = "client_error", "Client error"
    UPSTREAM_ERROR = "upstream_error", "Upstream error"
    TIMEOUT = "timeout", "Time-out"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"
    DENIED = "denied", "Denied"


class PriceStatus(TextChoices):
    """Whether a line could be priced."""

    PRICED = "priced", "Priced"
    UNPRICED = "unpriced", "No price known"
    FREE = "free", "Free"


class UsageSource(TextChoices):
    """Where the token counts of a line come from."""

    REPORTED = "reported", "Reported by the vendor"
    COUNTED = "counted", "Counted by the gateway"
    ESTIMATED = "estimated", "Estimated"
    IMPORTED = "imported", "Imported"


class Origin(TextChoices):
    """How a line came into the ledger."""

    GATEWAY = "gateway", "Gateway"
    IMPORT = "import", "Import"
    OTLP = "otlp", "OpenTelemetry"


class JobStatus(TextChoices):
    """State of a background job."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ArchiveState(TextChoices):
    """What there is of a month, or of a part of one, that left the ledger."""

    WRITING = "writing", "Being written"
    COMPLETE = "complete", "In the archive"
    RESTORED = "restored", "Back in the ledger"
    SUPERSEDED = "superseded", "Written again since"


class GuardrailKind(TextChoices):
    """What a guardrail looks for."""

    PII = "pii", "Personal data"
    SECRETS = "secrets", "Secrets"
    DENY_LIST = "deny_list", "Denied words"
    MAX_SIZE = "max_size", "Length"
    JSON_SCHEMA = "json_schema", "JSON schema"
    PROMPT_INJECTION = "prompt_injection", "Prompt injection"
    WEBHOOK = "webhook", "Webhook"


class GuardrailDirection(TextChoices):
    """Which way a guardrail looks."""

    INPUT = "input", "To the provider"
    OUTPUT = "output", "To the client"
    BOTH = "both", "Both ways"


class GuardrailAction(TextChoices):
    """What follows from a finding."""

    BLOCK = "block", "Block"
    REDACT = "redact", "Redact"
    FLAG = "flag", "Flag"


class IdempotentState(TextChoices):
    """Where a call with an `Idempotency-Key` stands."""

    IN_FLIGHT = "in_flight", "Running"
    COMPLETE = "complete", "Answered, kept"
    NOT_KEPT = "not_kept", "Answered, not kept"
