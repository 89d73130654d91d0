"""How long a file is kept: holds, requests for erasure, and what an erasure leaves behind."""
