"""Padding of JSON: lengths fall in classes, so that a length says little of its content. Pure."""

# Bytes. A section with all its short fields fits the first; from there each class is the double. So
# sealed, two of them fit a page of SQLite (4,096 bytes), and one stays in its row on PostgreSQL,
# which puts what is above 2,032 bytes elsewhere.
SMALLEST = 1_888


def padded(content: bytes, *, smallest: int = SMALLEST) -> bytes:
    """JSON followed by spaces up to its size class: any reader of JSON passes over them."""
    size = smallest
    while size < len(content):
        size *= 2
    return content.ljust(size)
