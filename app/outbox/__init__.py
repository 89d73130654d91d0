"""What is to be sent to whom, by when, and what became of it. No personal data stands here."""
