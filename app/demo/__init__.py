"""The demonstration: the whole way on a fresh database, with every process that it takes.

It plays a prison, a court, four receiving agencies and an auditor against the real service
on the loopback address, and holds what each recipient got to a table that was written by
hand from the domain, not from the policies.
"""
