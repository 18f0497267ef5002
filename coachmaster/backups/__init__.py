"""Keeping an institute's records: backups and their restoring, and everything out to files and in again."""
