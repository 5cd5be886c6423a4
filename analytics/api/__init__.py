"""The analytics part of the management API: questions in, the common answer out."""
