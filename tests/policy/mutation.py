"""Small faults planted in Python code, one at a time, by a fixed list of operators.

An operator is given a node and yields what could stand in its place. The tree is changed in
place, handed out, and put right again before the next fault.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

_ANNOTATIONS = frozenset({"annotation", "returns"})

Operator = Callable[[ast.AST], Iterator[ast.AST]]
_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: operator, line, the code around it, before, after, and the whole changed tree."""

    operator: str
    line: int
    parent: str
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.operator}, line {self.line}: {self.before}  ->  {self.after}"


def mutants(
    tree: ast.Module, operators: Mapping[str, Operator], *, within: Callable[[ast.AST], bool]
) -> Iterator[Mutant]:
    """Every fault that the operators can plant below the nodes that `within` accepts."""
    for top in [node for node in ast.walk(tree) if within(node)]:
        for parent, field, place, node in list(_places(top)):
            for name, operator in operators.items():
                for other in operator(_copied(node)):
                    line = getattr(node, "lineno", getattr(parent, "lineno", 0))
                    texts = [ast.unparse(part) for part in (parent, node, other)]
                    ast.fix_missing_locations(ast.copy_location(other, node))
                    _put(parent, field, place, other)
                    yield Mutant(name, line, texts[0], texts[1], texts[2], tree)
                    _put(parent, field, place, node)


def _copied(node: _Node) -> _Node:
    """A tree of its own. Fields alone: a counter of lines hangs more on nodes that all share."""
    fields = {name: _copied_value(value) for name, value in ast.iter_fields(node)}
    return ast.copy_location(type(node)(**fields), node)


def _copied_value(value: Any) -> Any:  # noqa: ANN401 - whatever a node holds
    if isinstance(value, list):
        return [_copied_value(item) for item in value]
    return _copied(value) if isinstance(value, ast.AST) else value


def _places(top: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Each node below with where it hangs: parent, field, place in a list. No annotations."""
    for parent in _walk(top):
        for field, value in ast.iter_fields(parent):
            if field in _ANNOTATIONS:
                continue
            if isinstance(value, ast.AST):
                yield parent, field, None, value
            elif isinstance(value, list):
                for place, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield parent, field, place, item


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and field not in _ANNOTATIONS:
                yield from _walk(child)


def _put(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> None:
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_BY_ONE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def _compared(node: ast.AST, table: Mapping[type[ast.cmpop], type[ast.cmpop]]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if type(operator) in table:
                changed = _copied(node)
                changed.ops[place] = table[type(operator)]()
                yield changed


def swap_comparison(node: ast.AST) -> Iterator[ast.AST]:
    yield from _compared(node, _SWAPPED)


def off_by_one(node: ast.AST) -> Iterator[ast.AST]:
    yield from _compared(node, _BY_ONE)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def negate(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    if isinstance(node, ast.If | ast.IfExp):
        changed = _copied(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield changed


def drop_a_conjunct(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        for place in range(len(node.values)):
            rest = [value for n, value in enumerate(node.values) if n != place]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def swap_and_or(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def flip_a_truth(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


def drop_a_step(node: ast.AST) -> Iterator[ast.AST]:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Raise) and not is_docstring:
        yield ast.Pass()


def swap_set_test(node: ast.AST) -> Iterator[ast.AST]:
    others = {"issuperset": "isdisjoint", "isdisjoint": "issuperset"}
    if isinstance(node, ast.Attribute) and node.attr in others:
        yield ast.Attribute(node.value, others[node.attr], node.ctx)


def lose_a_member(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Tuple):
        for place in range(len(node.elts)):
            yield ast.Tuple([e for n, e in enumerate(node.elts) if n != place], node.ctx)


def swap_bits(node: ast.AST) -> Iterator[ast.AST]:
    """And for or; complement dropped; a shift the other way."""
    others: dict[type[ast.operator], ast.operator] = {
        ast.BitAnd: ast.BitOr(),
        ast.BitOr: ast.BitAnd(),
        ast.RShift: ast.LShift(),
        ast.LShift: ast.RShift(),
    }
    if isinstance(node, ast.BinOp) and type(node.op) in others:
        yield ast.BinOp(node.left, others[type(node.op)], node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield node.operand


def another_name(groups: Mapping[str, tuple[str, ...]]) -> Operator:
    """A name in place of another one of its group."""

    def operator(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            for other in groups.get(node.id, ()):
                yield ast.Name(other, node.ctx)

    return operator


def another_text(others: Mapping[str, str]) -> Operator:
    """A text in place of another one."""

    def operator(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in others:
            yield ast.Constant(others[node.value])

    return operator


COMMON: Mapping[str, Operator] = {
    "swap comparison": swap_comparison,
    "off by one": off_by_one,
    "negate": negate,
    "drop a conjunct": drop_a_conjunct,
    "swap and, or": swap_and_or,
    "flip a truth": flip_a_truth,
    "drop a step": drop_a_step,
    "swap set test": swap_set_test,
    "lose a member": lose_a_member,
    "swap bits": swap_bits,
}
