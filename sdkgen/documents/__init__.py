"""The OpenAPI document of the whole gateway: the management API as Django describes it, the data plane as declared."""
