"""How processes begin, what they do beside the interface, and how they end (docs/processes.md)."""
