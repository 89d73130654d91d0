"""The facts that decisions depend on: references, case assignments, consents."""
