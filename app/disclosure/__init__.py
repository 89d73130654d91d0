"""The only way out: find, decide, project, record. Nothing leaves that is not a Disclosure."""
