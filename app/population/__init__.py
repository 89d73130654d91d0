"""A made-up population: inmate files in the native format, and a dirty CSV.

For the demo, rehearsals and tests. No real person is meant: `names.py` says why no name,
phone number or registration number can be anybody's. Pure, but for the writer of the CSV.
"""
