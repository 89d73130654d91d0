"""The registry and the facts that decisions depend on: who may state what, and on record."""
