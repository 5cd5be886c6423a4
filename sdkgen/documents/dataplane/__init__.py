"""The declared document of `/v1/*`: one YAML file a subject, each with `paths` and `schemas`."""
