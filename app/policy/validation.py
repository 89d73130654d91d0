"""The schema against which policies are validated: the same names and types, few actions. Pure.

The engine's strict validation looks at a policy once for each action that applies to anything,
which takes it most of a second for a whole bundle. Every release of a field applies to the same
principal, resource and context, so one action that stands in all the groups finds the same: a
misspelt name, a wrong type, an attribute without its `has`.
"""

import re

from app.policy.actions import READ_ACCESS_LOG, Vocabulary, contribute
from app.policy.schema import PROBE, probe_schema_text, schema_text

_ACTION = re.compile(r'^action "([^"]+)".*;$', re.MULTILINE)


def validation_schema_text(vocabulary: Vocabulary) -> str:
    """The schema in Cedar's own syntax."""
    declarations = {found[1]: found[0] for found in _ACTION.finditer(schema_text(vocabulary))}
    alone = {*map(contribute, vocabulary.owners), READ_ACCESS_LOG}
    groups = [name for name in declarations if name not in alone]
    listed = ", ".join(f'"{name}"' for name in groups)
    release = f'action "{PROBE}" in [{listed}] '
    lines = [
        probe_schema_text(vocabulary).replace(f'action "{PROBE}" ', release),
        *(f'action "{name}";' for name in groups),
        *(declarations[name] for name in sorted(alone)),
    ]
    return "\n".join(lines)
