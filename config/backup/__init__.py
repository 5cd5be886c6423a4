"""Backups: one file with the database, this host's spools and a manifest; made online, checked by restoring."""

BACKUP_MADE, BACKUP_VERIFIED = "backup", "backup-verified"
"""Names of the signs of life (`gateway.models.Heartbeat`) by which `doctor` and metrics know how old they are."""
