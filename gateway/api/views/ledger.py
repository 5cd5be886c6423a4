"""Usage records and audit events: read-only."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.filters import AuditFilter, StrictFilters, StrictSearch, UsageFilter
from gateway.api.ordering import LedgerOrdering
from gateway.api.pagination import CappedPagination
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers import ledger as shapes
from gateway.api.serializers import scores as score_shapes
from gateway.api.serializers.policies import BodiesSerializer
from gateway.api.views import archived as reading
from gateway.api.views.archived import MOST_LINES
from gateway.api.views.base import ReadableResource
from gateway.auditfile import audit_chain
from gateway.choices import LineKind, PriceStatus, UsageSource
from gateway.downloads import Download
from gateway.ledger.ids import started_at
from gateway.models import AuditEvent, LedgerLine, QualityScore
from gateway.scores import Opinion
from gateway.services import audit, bodies, explanation, scores
from gateway.services.errors import Invalid

_LINE_OR_REQUEST = OpenApiParameter(
    "id", OpenApiTypes.STR, OpenApiParameter.PATH, description="Id of a line, or the request id that the caller got."
)

_SEARCH = OpenApiParameter(
    "search",
    description="Words that all have to be somewhere in the request id, the model asked for or served, the end user or "
    "the error type; capitals do not matter.",
    examples=[OpenApiExample("Time-outs of a model", value="gpt-4o first_byte_timeout")],
)
_ORDERING = OpenApiParameter(
    "ordering",
    enum=["-started_at", "started_at"],
    description="Newest or oldest first, the only orders of the ledger's index. Anything else is a 400.",
    examples=[OpenApiExample("Oldest first", value="started_at")],
)


@extend_schema_view(
    list=extend_schema(
        parameters=[_SEARCH, _ORDERING],
        description="Records of a window. `search` looks through all of it, so a narrow window answers fast. What left "
        "the ledger is read from the archive (`is_archived`), up to 2,000 records of a window that reaches into it.",
    )
)
class UsageRecordViewSet(ReadableResource):
    """Ledger lines: developers their own, managers their team's, analysts and administrators all."""

    queryset = LedgerLine.objects.all()
    serializer_class = shapes.UsageRecordSerializer
    pagination_class = CappedPagination
    filterset_class = UsageFilter
    filter_backends = (StrictFilters, StrictSearch, LedgerOrdering)
    search_fields = ("request_id", "model_requested", "model_served", "end_user", "error_type")
    ordering_fields = ("started_at",)
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "cost_explanation": MEMBERS, "scores": MEMBERS, "bodies": ADMINS,
    }  # fmt: skip
    lookup_value_regex = r"[A-Za-z0-9._:\-]{1,128}"
    lookup_url_kwarg = "id"

    def get_queryset(self) -> Any:
        rows = LedgerLine.objects.all()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        # Ids in the ledger are plain columns: the base class's relation filter does not fit.
        return rows.visible_to(self.request.user).filter(organization=self.organization.pk)

    def paginate_queryset(self, queryset: Any) -> Any:
        """With the archive's lines where the window reaches into it."""
        return super().paginate_queryset(reading.with_archive(self, queryset, self._narrowed))

    def _narrowed(self, rows: Any) -> Any:
        """Rows of an archive, narrowed as the list is."""
        rows = rows.visible_to(self.request.user).filter(organization=self.organization.pk)
        rows = UsageFilter(data=self.request.query_params, queryset=rows, request=self.request).qs
        return StrictSearch().filter_queryset(self.request, rows, self)

    @extend_schema(parameters=[_LINE_OR_REQUEST], responses=shapes.UsageRecordDetailSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """A request with all its lines."""
        lines = self._lines(id)
        final = _final(lines)
        final.lines, final.total_cost = lines, explanation.total(lines)  # type: ignore[attr-defined]
        return self.answer(final, 200, shapes.UsageRecordDetailSerializer)

    @extend_schema(
        parameters=[
            _LINE_OR_REQUEST,
            OpenApiParameter("currency", description="ISO 4217: the total in this currency too, by the day's rate."),
        ],
        responses=shapes.CostExplanationSerializer,
    )
    @action(detail=True, methods=["get"], url_path="cost-explanation", filter_backends=())
    def cost_explanation(self, request: Request, id: str) -> Response:
        """Why the request cost what it cost: quantity × rate, line by line, with adjusting entries."""
        lines = self._lines(id)
        currency = _currency(request)
        converted = explanation.converted(lines, currency) if currency else None
        body = {
            "request_id": lines[0].request_id, "currency": lines[0].currency, "lines": lines,
            "total_cost": explanation.total(lines), "converted": converted,
            "notes": _notes(lines) + _without_rate(currency, converted), "is_complete": not _waiting(lines),
        }  # fmt: skip
        return Response(shapes.CostExplanationSerializer(body).data)

    @extend_schema(methods=["get"], parameters=[_LINE_OR_REQUEST], responses=BodiesSerializer(many=True))
    @extend_schema(methods=["delete"], parameters=[_LINE_OR_REQUEST], responses={204: None})
    @action(detail=True, methods=["get", "delete"], pagination_class=None, filter_backends=())
    def bodies(self, request: Request, id: str) -> Response:
        """What the call sent and got, if it was kept (GET; every reading is audited), or forget it (DELETE)."""
        request_id = self._lines(id)[0].request_id
        if request.method == "DELETE":
            bodies.erase_bodies(organization=self.organization, request_id=request_id, actor=self.actor)
            return Response(status=204)
        found = bodies.read_bodies(organization=self.organization, request_id=request_id, actor=self.actor)
        return Response(BodiesSerializer(found, many=True).data)

    @extend_schema(
        methods=["GET"], parameters=[_LINE_OR_REQUEST], responses=score_shapes.ScoreSerializer(many=True), filters=False
    )
    @extend_schema(
        methods=["POST"],
        parameters=[_LINE_OR_REQUEST],
        request=score_shapes.ScoreRequestSerializer,
        responses={200: score_shapes.ScoreSerializer, 201: score_shapes.ScoreSerializer},
    )
    @action(detail=True, methods=["get", "post"], filter_backends=(), pagination_class=None)
    def scores(self, request: Request, id: str) -> Response:
        """What people and evaluators said of the request. POST keeps an opinion: 201, or 200 when it replaces the same
        source's earlier one on the same name."""
        lines = self._lines(id)
        if request.method in SAFE_METHODS:  # HEAD, too: for a key that may only read it is reading
            known = QualityScore.objects.visible_to(request.user)
            rows = known.filter(organization=lines[0].organization, request_id=lines[0].request_id)
            return Response(score_shapes.ScoreSerializer(rows, many=True).data)
        fields = self.validated(score_shapes.ScoreRequestSerializer)
        opinion = Opinion(
            lines[0].request_id, fields["name"], fields["source"], fields.get("score"), fields.get("label")
        )
        score, is_new = scores.record_score(line=_final(lines), opinion=opinion, actor=self.actor)
        return self.answer(score, 201 if is_new else 200, score_shapes.ScoreSerializer)

    def _lines(self, value: str) -> list[LedgerLine]:
        """Every visible line of the request, oldest first. Two index look-ups."""
        rows = self.get_queryset()
        line_id = _uuid7(value)
        if line_id is not None:
            known = rows.filter(started_at=started_at(line_id), id=line_id).values_list("request_id", flat=True).first()
            value = known or value
        found = list(rows.filter(Q(request_id=value)).order_by("started_at", "id")[:MOST_LINES])
        found = found or reading.archived_request(self, value)
        if not found:
            raise Http404
        return found


def _final(lines: list[LedgerLine]) -> LedgerLine:
    """The line that tells how the request ended; the newest while there is none."""
    return next((line for line in reversed(lines) if line.is_final), lines[-1])


def _uuid7(value: str) -> UUID | None:
    try:
        parsed = UUID(value)
    except ValueError:
        return None
    return parsed if parsed.version == 7 else None


def _currency(request: Request) -> str:
    """The currency asked for, in capitals. Raises `Invalid`."""
    asked = request.query_params.get("currency", "").strip().upper()
    if asked and (len(asked) != 3 or not (asked.isascii() and asked.isalpha())):
        raise Invalid("currency", "The currency is a three-letter ISO 4217 code.", field="currency")
    return asked


def _without_rate(currency: str, converted: explanation.Converted | None) -> list[dict[str, str]]:
    if not currency or converted is not None:
        return []
    message = f"No exchange rate to {currency} was stated for the day, or no cost is known; nothing is converted."
    return [{"code": "rate_missing", "message": message}]


def _waiting(lines: list[LedgerLine]) -> bool:
    """Whether a line has no price still: neither its own nor by an adjusting entry."""
    priced = explanation.priced_later(lines)
    return any(
        line.price_status == PriceStatus.UNPRICED and line.kind != LineKind.ADJUSTMENT and line.id not in priced
        for line in lines
    )


def _notes(lines: list[LedgerLine]) -> list[dict[str, str]]:
    notes = []
    if _waiting(lines):
        message = "At least one line has no known price; the total leaves it out."
        notes.append({"code": "unpriced", "message": message})
    if later := explanation.priced_later(lines):
        message = f"Adjusted since, last on {max(later.values()):%Y-%m-%d %H:%M} UTC; the total includes that."
        notes.append({"code": "adjusted", "message": message})
    if any(line.usage_source == UsageSource.ESTIMATED for line in lines):
        notes.append({"code": "estimated", "message": "At least one line is an estimate; a correction may follow."})
    calls = sum(line.is_final and line.kind != LineKind.ADJUSTMENT for line in lines)
    if calls > 1:
        message = f"The caller sent this request id with {calls} calls; the total is of all of them."
        notes.append({"code": "several_calls", "message": message})
    if len({line.currency for line in lines}) > 1:
        message = "The lines have several currencies, which have no sum; ask for one with `currency`."
        notes.append({"code": "currencies", "message": message})
    return notes


class AuditEventViewSet(ReadableResource):
    """The audit trail of the organization; of the platform's own for a superuser who asks for `~`."""

    has_platform_scope = True

    queryset = AuditEvent.objects.all()
    serializer_class = shapes.AuditEventSerializer
    filterset_class = AuditFilter
    pagination_class = CappedPagination
    roles = {"list": ADMINS, "retrieve": ADMINS, "verify": ADMINS, "export": ADMINS}
    confirmed_actions = frozenset({"export"})
    search_fields = ("verb", "object_id")
    ordering_fields = ("at",)

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Personal values of the whole page are decrypted with one query."""
        context = kwargs.setdefault("context", self.get_serializer_context())
        shown = args[0] if args else None
        events = [shown] if isinstance(shown, AuditEvent) else list(shown or ())
        context["revealed"] = dict(zip((event.pk for event in events), audit.reveal(events), strict=True))
        return super().get_serializer(*args, **kwargs)

    @extend_schema(responses=shapes.AuditVerificationSerializer)
    @action(detail=False, methods=["get"], filter_backends=(), pagination_class=None)
    def verify(self, request: Request) -> Response:
        """Walk the hash chain from its first event."""
        return Response(shapes.AuditVerificationSerializer(asdict(audit.verify(self.access.organization))).data)

    @extend_schema(
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.BINARY,
                description="A line for each sealed event, oldest first.",
                examples=[OpenApiExample("Event", shapes.EXPORTED_EVENT, media_type="application/x-ndjson")],
            )
        }
    )
    @action(detail=False, methods=["get"], filter_backends=(), pagination_class=None)
    def export(self, request: Request) -> Download:
        """The hash chain as JSON lines, as it is hashed: whoever has the file can check it without the gateway."""
        return audit_chain(self.access.organization, self.actor)
