"""Exports of costs as the API takes them."""

from rest_framework import serializers

from analytics.api.serializers.exports import ExportRequestSerializer
from analytics.exports.datasets import DATASETS
from gateway.api.openapi import examples

WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}


@examples(request={"dataset": "focus", "format": "csv", "query": WINDOW})
class CostExportRequestSerializer(ExportRequestSerializer):
    """What is wanted; charges as FOCUS 1.4 when no dataset is named."""

    dataset = serializers.ChoiceField(choices=sorted(set(DATASETS) - {"answer"}), default="focus")
