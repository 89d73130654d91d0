"""Faults in the functions that are generated for the roles of the planted policies."""

import ast
from collections.abc import Iterator, Mapping

from app.policy.compiler import build, role_source
from app.policy.conditions import variable
from app.policy.facts import LONG, STRING, Facts
from tests.policy import mutation
from tests.policy.mutation import Mutant
from tests.policy.planted import ROLES
from tests.policy.trial import Trial

_FALSE = frozenset({"False", "not True"})


def tried(trial: Trial) -> Iterator[tuple[str, str, bool]]:
    """Operator, description and whether it was found, of each fault that changes anything."""
    for role in ROLES:
        source = role_source(role, trial.span.table.roles[role].policies, trial.facts)
        tree = ast.parse(source)
        equivalences = Equivalences(tree, trial.facts)
        operators = {
            **mutation.COMMON,
            "wrong fact": mutation.another_name(_facts_of_one_type(trial.facts)),
            "wrong literal": mutation.another_text(_texts(tree)),
            "text not normalised": _not_normalised,
        }
        for mutant in mutation.mutants(
            tree, operators, within=lambda node: isinstance(node, ast.FunctionDef)
        ):
            if not equivalences.hold_for(mutant):
                yield mutant.operator, f"{role}: {mutant}", _found(trial, role, mutant)


def _found(trial: Trial, role: str, mutant: Mutant) -> bool:
    try:
        function = build(ast.unparse(mutant.tree), trial.facts)
        return trial.finds_in_function(role, function)
    except Exception:  # noqa: BLE001 - a mutant that does not even run is found
        return True


def _facts_of_one_type(facts: Facts) -> Mapping[str, tuple[str, ...]]:
    """For each variable of the generated code the others of its type."""
    every = facts.by_path.values()
    return {
        variable(fact): tuple(
            variable(other) for other in every if other.type == fact.type and other != fact
        )
        for fact in every
    }


def _texts(tree: ast.AST) -> Mapping[str, str]:
    """Each text literal with another one to stand in its place."""
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = sorted({value for value in constants if isinstance(value, str)})
    return dict(zip(texts, [*texts[1:], texts[0]], strict=True))


def _not_normalised(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        yield ast.Pass()


class Equivalences:
    """Faults that change the code and can change no answer; each rule says why."""

    def __init__(self, tree: ast.Module, facts: Facts) -> None:
        (function,) = tree.body
        assert isinstance(function, ast.FunctionDef)
        self._ordered = {variable(f) for f in facts.by_path.values() if f.kind == LONG}
        texts = {variable(f) for f in facts.by_path.values() if f.kind == STRING}
        screens = [node for node in function.body if isinstance(node, ast.If)]
        tests = [node for node in screens if isinstance(node.body[0], ast.AugAssign)]
        self._first_test = min(node.lineno for node in tests)
        asked = {name for node in tests for name in _names(node.test)}
        self._text_lines = {n.lineno for n in screens if n not in tests and _names(n.test) & texts}
        self._unasked_lines = {
            n.lineno + step
            for n in screens
            if n.lineno in self._text_lines and not _names(n.test) & asked
            for step in (0, 1)
        }
        self._dead_tests = {n.lineno for n in tests if _is_false(n.test)}

    def hold_for(self, mutant: Mutant) -> bool:
        """Whether the fault is one of those."""
        return (
            self._words_of_a_refusal(mutant)
            or self._guard_of_an_equality(mutant)
            or self._normalises_too_often(mutant)
            or self._takes_any_collection(mutant)
            # A text that no policy of the role asks for may have any form.
            or mutant.line in self._unasked_lines
            or self._certain_conjunct(mutant)
            or self._never_reached(mutant)
        )

    def _words_of_a_refusal(self, mutant: Mutant) -> bool:
        """The name in `refuse('...')` is for the reader; the text between joined texts, too."""
        return (
            mutant.operator == "wrong literal"
            and (mutant.before.startswith("'context.") or mutant.before == "''")
            and mutant.line < self._first_test
        )

    def _guard_of_an_equality(self, mutant: Mutant) -> bool:
        """None equals no literal and is in no set: only an ordering needs the guard."""
        around = mutant.before if mutant.operator == "drop a conjunct" else mutant.parent
        if " is not None" not in around or "<" in around or ">" in around:
            return False
        name = around.partition(" is not None")[0]
        if mutant.operator == "drop a conjunct":
            return f"{name} is not None" not in mutant.after
        return mutant.operator == "wrong fact" and mutant.before == name not in self._ordered

    def _normalises_too_often(self, mutant: Mutant) -> bool:
        """A text that is in the normal form stays what it is."""
        widened = mutant.after.endswith((" is not None", "is str", "is frozenset"))
        return mutant.line in self._text_lines and widened

    def _takes_any_collection(self, mutant: Mutant) -> bool:
        """The engine, too, takes a list of texts for a set."""
        return mutant.line in self._text_lines and mutant.after.startswith("not ''.join(")

    def _never_reached(self, mutant: Mutant) -> bool:
        """What only other roles can satisfy is dead code in this one, and stays so."""
        if mutant.line - 1 in self._dead_tests:
            return True
        if mutant.operator == "drop a conjunct":
            return mutant.line in self._dead_tests and mutant.after in _FALSE
        revives = {"flip a truth", "negate", "swap and, or"}
        return mutant.line in self._dead_tests and mutant.operator not in revives

    def _certain_conjunct(self, mutant: Mutant) -> bool:
        """What always holds for this role is no condition."""
        return mutant.before.replace(" and (not False)", "") == mutant.after


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _is_false(test: ast.expr) -> bool:
    """Whether a test can never hold: the role alone decides it, or one of its conjuncts."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_is_false, test.values))
    return ast.unparse(test) in _FALSE
