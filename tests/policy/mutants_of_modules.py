"""Faults in the source of the compiler and of the table themselves."""

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from app.policy import compiler, conditions, role_table
from app.policy.compiled import Compiled
from app.policy.errors import PolicyError
from tests.policy import mutation
from tests.policy.mutation import Mutant
from tests.policy.planted import OUTSIDE, ROLES, one
from tests.policy.trial import Trial

_NAMING = "policies = [(n, policy) for n, policy in enumerate(self.policies) if policy.mask & mask]"

# Lines whose faults can change no answer, with the reason. A line that is gone is an error.
EQUIVALENT: dict[ModuleType, dict[str, str]] = {
    conditions: {
        'raise _outside("a node with several operators")': "the engine writes one in each node",
        'fact = self.facts.by_path.get(attribute(node) or "")': "no fact has the name None",
    },
    compiler: {
        "raise TypeError": "what is no text, or no set of texts, raises by itself soon after",
    },
    role_table: {
        "if held & column.permits:": "spares the time to find that nothing is released",
        _NAMING: "a policy that does not name the field cannot change it",
        "return tuple(column for column in columns if column.permits)": "so does this",
        "return lru_cache(maxsize=4 * self.remembered)(decide_field)": "bounds the memory",
        "purpose: dict(zip(fields, map(_WITHHELD.__getitem__, reasons), strict=True))": "as long",
    },
}


def tried(trial: Trial) -> Iterator[tuple[str, str, bool]]:
    """Operator, description and whether it was found."""
    for module, equivalent in EQUIVALENT.items():
        source = inspect.getsource(module)
        lines = [line.strip() for line in source.split("\n")]
        tree = ast.parse(source)
        for mutant in mutation.mutants(tree, mutation.COMMON, within=_is_code):
            line = lines[mutant.line - 1]
            if line not in equivalent:
                what = f"{module.__name__}: {mutant}  [{line}]"
                yield mutant.operator, what, _found(trial, module, mutant)


def _is_code(node: ast.AST) -> bool:
    """Functions that are no part of another one, and the constants of a module."""
    return isinstance(node, ast.FunctionDef)


def _found(trial: Trial, module: ModuleType, mutant: Mutant) -> bool:
    try:
        changed = ModuleType(module.__name__)
        exec(compile(mutant.tree, "<mutant>", "exec"), changed.__dict__)  # noqa: S102 - our code
        if module is role_table:
            return _decides_otherwise(trial, changed)
        if module is conditions:
            with _in_the_compiler(changed):
                return _compiles_otherwise(trial, compiler)
        return _compiles_otherwise(trial, changed)
    except Exception:  # noqa: BLE001 - a mutant that does not even run is found
        return True


@contextmanager
def _in_the_compiler(changed: ModuleType) -> Iterator[None]:
    """The compiler, with the classes of a changed `conditions`."""
    names = ("ConditionWriter", "OutsideSubset", "variable")
    kept = {name: getattr(compiler, name) for name in names}
    try:
        for name in names:
            setattr(compiler, name, getattr(changed, name))
        yield
    finally:
        for name, value in kept.items():
            setattr(compiler, name, value)


def _compiles_otherwise(trial: Trial, changed: Any) -> bool:  # noqa: ANN401 - a module
    for role in ROLES:
        policies = trial.span.table.roles[role].policies
        if trial.finds_in_function(role, changed.compile_role(role, policies, trial.facts)):
            return True
    return any(
        not _refuses(trial, changed, condition, message) for condition, message in OUTSIDE.values()
    )


def _refuses(trial: Trial, changed: Any, condition: str, message: str) -> bool:  # noqa: ANN401 - a module
    try:
        changed.compile_role(ROLES[0], [one(condition)], trial.facts)
    except PolicyError as error:
        return message in str(error)
    return False


def _decides_otherwise(trial: Trial, changed: Any) -> bool:  # noqa: ANN401 - a module
    roles = {
        role: (
            satisfied,
            changed.RoleTable(table.digest, table.vocabulary, table.policies, table.remembered),
        )
        for role, (satisfied, table) in trial.span.compiled.roles.items()
        if role in ROLES
    }
    return trial.finds_in_decision(Compiled(roles).decide)
