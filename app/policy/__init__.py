"""The data-sharing policy: who may receive which field, in which form, for which purpose.

Cedar text under `policies/` is the single source of truth. The room reads it once
(`loader`), refuses what could surprise (`checks`), and answers each request with an
immutable `Decision` (`bundle`). Pure but for the loader, which reads files.

The way of a decision: `request` -> `probe` (which conditions hold, said by the
reference engine) -> `table` (masks and deny-overrides) -> `decision`. Another source
of the conditions that hold can stand beside the probe and feed the same table.
"""
