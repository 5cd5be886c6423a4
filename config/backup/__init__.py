"""Backups: one file with the database, this host's spools and a manifest; made online, checked by restoring."""
