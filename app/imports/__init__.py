"""Imports: files of other systems, row by row, as records that the intake takes. Pure.

A mapping file says what each column means; `rows.convert` applies it. Whether a record may
be stored is for the intake to say: nothing here decides or stores.
"""
