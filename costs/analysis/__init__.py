"""What costs are made of and how they move, over the one metrics layer; the answers of the cost table."""
