"""The chart card of every page: figure, sentence, table, CSV, marks of changes, and why the number is what it is."""

from analytics.console.cards.card import Card, LegendEntry, Row, Table, Why

__all__ = ["Card", "LegendEntry", "Row", "Table", "Why"]
