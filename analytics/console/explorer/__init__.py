"""The Requests explorer: what its URL says, what the list shows, what each filter would leave."""
