"""SCIM 2.0 (RFC 7643, RFC 7644) as directories really send it: filters, PATCH operations, shapes. Pure."""
