"""Unit metrics: what an organization counts itself (tickets solved, orders), and what one of them costs."""
