"""Rollup tables, the bookkeeping of their refresh, and what people say beside them, by subject.

Shown by console pages, not the admin. Alerts, anomalies, exports, forecasts and reports keep their models themselves.
"""

from analytics.models.annotations import Annotation
from analytics.models.charges import ChargeRollup
from analytics.models.cubes import (
    KeyCube,
    KeyDay,
    KeyLocalDay,
    KeyModelCube,
    KeyModelDay,
    KeyModelLocalDay,
    KeyQuarterHour,
    LiveMinute,
    ModelCube,
    ModelDay,
    ModelLocalDay,
    ModelQuarterHour,
    OutcomeCube,
    OutcomeDay,
    OutcomeLocalDay,
    ProjectCube,
    ProjectDay,
    ProjectLocalDay,
    ProjectQuarterHour,
    SubjectCube,
    SubjectDay,
    SubjectLocalDay,
    SubjectQuarterHour,
    TotalCube,
    TotalDay,
    TotalLocalDay,
    TotalQuarterHour,
    WideCube,
    WideDay,
    WideLocalDay,
    WideQuarterHour,
)
from analytics.models.foreign import ForeignMinute, ForeignQuarterHour
from analytics.models.refresh import (
    CountedLine,
    LedgerHorizon,
    Reconciliation,
    RollupState,
)
from analytics.models.subjects import (
    AdmittedValue,
    DeclaredTag,
)
from analytics.models.sums import (
    ExactField,
    Histograms,
    Sums,
)

# isort: split
from analytics.alerts.models import Alert, AlertChannel, AlertDelivery, AlertEvent, AlertRule
from analytics.anomalies.models import Anomaly, AnomalyScan
from analytics.exports.models import StoredFile, StoredPiece
from analytics.outlook.models import ForecastRun
from analytics.reports.models import Report, ReportDelivery, ReportMail, ReportRecipient, ReportRun, Unsubscription

__all__ = [
    "AdmittedValue",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertEvent",
    "AlertRule",
    "Annotation",
    "Anomaly",
    "AnomalyScan",
    "ChargeRollup",
    "CountedLine",
    "DeclaredTag",
    "ExactField",
    "ForecastRun",
    "ForeignMinute",
    "ForeignQuarterHour",
    "Histograms",
    "KeyCube",
    "KeyDay",
    "KeyLocalDay",
    "KeyModelCube",
    "KeyModelDay",
    "KeyModelLocalDay",
    "KeyQuarterHour",
    "LedgerHorizon",
    "LiveMinute",
    "ModelCube",
    "ModelDay",
    "ModelLocalDay",
    "ModelQuarterHour",
    "OutcomeCube",
    "OutcomeDay",
    "OutcomeLocalDay",
    "ProjectCube",
    "ProjectDay",
    "ProjectLocalDay",
    "ProjectQuarterHour",
    "Reconciliation",
    "Report",
    "ReportDelivery",
    "ReportMail",
    "ReportRecipient",
    "ReportRun",
    "RollupState",
    "StoredFile",
    "StoredPiece",
    "SubjectCube",
    "SubjectDay",
    "SubjectLocalDay",
    "SubjectQuarterHour",
    "Sums",
    "TotalCube",
    "TotalDay",
    "TotalLocalDay",
    "TotalQuarterHour",
    "Unsubscription",
    "WideCube",
    "WideDay",
    "WideLocalDay",
    "WideQuarterHour",
]
