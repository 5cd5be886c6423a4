"""The one way to figures: measures × dimensions × filters × time over the smallest covering cube."""

from analytics.query.run import change_of, run
from analytics.query.shapes import Filter, Group, Having, Note, Point, Query, QueryError, Result, Value

__all__ = ["Filter", "Group", "Having", "Note", "Point", "Query", "QueryError", "Result", "Value", "change_of", "run"]
