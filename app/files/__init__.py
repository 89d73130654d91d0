"""The inmate file: sections and fields declared once, the forms they travel in, their store."""
