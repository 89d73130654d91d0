"""Releases: from a change of a release date to milestones and notices. No database, no clock."""
