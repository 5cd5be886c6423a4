"""What a search for savings found, from open to applied and measured, or dismissed. `costs.savings` finds."""
