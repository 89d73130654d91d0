"""Which bundle is in force, who signed for it, and how that is known to be true."""
