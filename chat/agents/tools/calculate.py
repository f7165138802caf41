"""The calculator: arithmetic with limits on length, size and power."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

from pydantic import BaseModel, ConfigDict, Field
from simpleeval import InvalidExpression, SimpleEval

from chat.agents.tools.registry import ToolCall, ToolFault, tool

EXPRESSION_CHARS_MAX = 300
# Nesting and length of the parsed expression: each node is one small step, so this bounds the time.
NODES_MAX = 200
# Powers up to here take no time.
EXPONENT_MAX = 1000
# Precision of the arithmetic, digits of a rounded answer, and digits of a whole one shown in full.
DIGITS_INSIDE = 350
DIGITS = 28
DIGITS_WHOLE = 60
SYNTAX = (
    ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.operator, ast.unaryop, ast.Load,
)  # fmt: skip
NOT_ARITHMETIC = "That is not an arithmetic expression."
OUT_OF_RANGE = "That has no value, or one out of range."


class Expression(BaseModel):
    """What to calculate."""

    model_config = ConfigDict(extra="forbid")

    expression: str = Field(
        min_length=1,
        max_length=EXPRESSION_CHARS_MAX,
        description="Arithmetic such as (1200 * 0.15 + 3) / 7, 2 ** 10, sqrt(2), round(x, 2).",
    )


class Value(BaseModel):
    """The result: whole numbers to 60 digits, others rounded to 28."""

    expression: str
    value: str


@tool(replayable=True, timeout_s=5)
async def calculate(call: ToolCall, question: Expression) -> Value:
    """Evaluate an arithmetic expression in decimals: + - * / // % **, parentheses,
    abs, round, min, max, sum of arguments, sqrt, log, log10, exp, floor, ceil, pi and e.
    """
    return Value(expression=question.expression, value=evaluate(question.expression))


def evaluate(expression: str) -> str:
    """The value of an expression as text; raises ToolFault with what is wrong with it."""
    tree, numbers = _parsed(expression.strip())
    with localcontext() as context:
        context.prec = DIGITS_INSIDE
        evaluator = SimpleEval(operators=OPERATORS, functions=FUNCTIONS, names=NAMES | numbers)
        try:
            value = evaluator.eval(expression, previously_parsed=tree)
        except (DivisionByZero, ZeroDivisionError):
            raise ToolFault("division_by_zero", "That divides by zero.") from None
        except (InvalidOperation, Overflow, OverflowError):
            raise ToolFault("out_of_range", OUT_OF_RANGE) from None
        except (InvalidExpression, TypeError, ValueError):
            raise ToolFault("bad_expression", NOT_ARITHMETIC) from None
        return _text(value)


def _parsed(expression: str) -> tuple[ast.expr, dict[str, Decimal]]:
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ToolFault("bad_expression", NOT_ARITHMETIC) from None
    nodes = list(ast.walk(tree))
    if len(nodes) > NODES_MAX:
        raise ToolFault("too_long", f"An expression has at most {NODES_MAX} parts.")
    if not all(isinstance(node, SYNTAX) for node in nodes):
        raise ToolFault("bad_expression", NOT_ARITHMETIC)
    reader = _Numbers(expression)
    return reader.visit(tree), reader.values


class _Numbers(ast.NodeTransformer):
    """Puts a name in place of each number, so that 0.1 is read as a decimal from its spelling."""

    def __init__(self, expression: str) -> None:
        self.values: dict[str, Decimal] = {}
        self._expression = expression

    def visit_Constant(self, node: ast.Constant) -> ast.Name:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise ToolFault("bad_expression", "Only numbers can be calculated with.")
        spelling = ast.get_source_segment(self._expression, node) or ""
        try:
            value = Decimal(spelling.replace("_", ""))
        except InvalidOperation:
            # 0x10 and the like
            value = Decimal(repr(node.value))
        # No expression can spell this name.
        name = f"number {len(self.values)}"
        self.values[name] = value
        return ast.Name(id=name, ctx=ast.Load())


def _floor_divide(left: Decimal, right: Decimal) -> Decimal:
    return (left / right).to_integral_value(rounding="ROUND_FLOOR")


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    return left - right * _floor_divide(left, right)


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if abs(exponent) > EXPONENT_MAX:
        raise ToolFault("out_of_range", f"Exponents go up to {EXPONENT_MAX}.")
    return base**exponent


def _round(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    if abs(digits) > DIGITS:
        raise InvalidOperation
    # Half up, as people round; the decimal module's own default is half to even.
    return value.quantize(Decimal(1).scaleb(-int(digits)), rounding="ROUND_HALF_UP")


def _whole(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda value: value.to_integral_value(rounding=rounding)


def _add_up(*values: Decimal) -> Decimal:
    return sum(values, Decimal(0))


OPERATORS: Mapping[type[ast.AST], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: _floor_divide,
    ast.Mod: _modulo,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "abs": abs,
    "round": _round,
    "min": min,
    "max": max,
    "sum": _add_up,
    "sqrt": lambda value: value.sqrt(),
    "log": lambda value: value.ln(),
    "ln": lambda value: value.ln(),
    "log10": lambda value: value.log10(),
    "exp": lambda value: value.exp(),
    "floor": _whole("ROUND_FLOOR"),
    "ceil": _whole("ROUND_CEILING"),
}
NAMES: dict[str, Decimal] = {"pi": Decimal(repr(math.pi)), "e": Decimal(repr(math.e))}


def _text(value: object) -> str:
    if not isinstance(value, Decimal):
        raise ToolFault("bad_expression", NOT_ARITHMETIC)
    if not value.is_finite():
        raise ToolFault("out_of_range", OUT_OF_RANGE)
    if value == value.to_integral_value() and value.adjusted() < DIGITS_WHOLE:
        return format(abs(value) if value == 0 else value.quantize(Decimal(1)), "f")
    with localcontext() as context:
        context.prec = DIGITS
        rounded = +value
    if abs(rounded.adjusted()) > DIGITS:
        return str(rounded.normalize())
    plain = format(rounded, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
