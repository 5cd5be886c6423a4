"""What can be exported, by name. An app adds a dataset with `register`, in its `AppConfig.ready()`."""

from analytics.exports.datasets.answer import AnswerDataset
from analytics.exports.datasets.base import DATASETS, Dataset, View, register
from analytics.exports.datasets.metrics import MetricsDataset
from analytics.exports.datasets.records import UsageRecordsDataset

for _dataset in (MetricsDataset(), UsageRecordsDataset(), AnswerDataset()):
    register(_dataset)

__all__ = ["DATASETS", "AnswerDataset", "Dataset", "View", "register"]
