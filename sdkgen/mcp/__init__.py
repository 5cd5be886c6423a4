"""A server of the Model Context Protocol: operations of the API as tools of an assistant. Decision record 0014."""
