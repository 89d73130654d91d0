"""Backups: database, keys and checkpoint in one sealed file, and what can be had from it again."""
