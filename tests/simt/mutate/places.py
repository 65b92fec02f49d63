"""Where device code can be changed: finds the places of a kernel file and writes it anew, with a
call of mutants.h at each of them.

A place is an operator, a literal, an index, a condition or a statement, with one or more
alternatives. Only bodies of device functions count, and there only what is computed at run time:
constant expressions (template arguments, constexpr, static_assert, sizes of arrays) cannot be
chosen by a variable. They are counted.
"""

import collections
import dataclasses
import re

import tree_sitter
import tree_sitter_cpp

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))

# What tree-sitter does not know is blanked out before it parses; the text itself is kept.
CUDA_WORDS = re.compile(
    rb"__device__|__global__|__forceinline__|__grid_constant__|\[\[maybe_unused\]\]"
    rb"|^[ \t]*#pragma unroll.*$"
    rb"|__launch_bounds__\((?:[^()]|\([^()]*\))*\)",
    re.M,
)

OPERATORS = {  # name in mutants.h, what the alternatives read
    "+": ("add", ["{a} - {b}", "{a}"]),
    "-": ("subtract", ["{a} + {b}", "{a}"]),
    "*": ("multiply", ["{a} + {b}", "{a}"]),
    "/": ("divide", ["{a} * {b}", "{a}"]),
    "%": ("modulo", ["{a} / {b}", "{a}"]),
    "<<": ("shift_left", ["{a} >> {b}", "{a}"]),
    ">>": ("shift_right", ["{a} << {b}", "{a}"]),
    "&": ("bit_and", ["{a} | {b}", "{a}"]),
    "|": ("bit_or", ["{a} & {b}", "{a}"]),
    "^": ("bit_xor", ["{a} | {b}", "{a}"]),
    "<": ("less", ["{a} <= {b}", "{a} >= {b}"]),
    "<=": ("less_equal", ["{a} < {b}", "{a} > {b}"]),
    ">": ("greater", ["{a} >= {b}", "{a} <= {b}"]),
    ">=": ("greater_equal", ["{a} > {b}", "{a} < {b}"]),
    "==": ("equal", ["{a} != {b}"]),
    "!=": ("not_equal", ["{a} == {b}"]),
}
ASSIGNMENTS = {
    "+=": ("assign_sum", ["{a} -= {b}", "{a} = {b}"]),
    "-=": ("assign_difference", ["{a} += {b}", "{a} = {b}"]),
    "*=": ("assign_product", ["{a} += {b}", "{a} = {b}"]),
    "/=": ("assign_quotient", ["{a} *= {b}", "{a} = {b}"]),
    "|=": ("assign_or", ["{a} &= {b}", "{a} = {b}"]),
    "&=": ("assign_and", ["{a} |= {b}", "{a} = {b}"]),
    "^=": ("assign_xor", ["{a} |= {b}", "{a} = {b}"]),
}
# Constant expressions and types.
CONSTANT = {
    "template_argument_list", "template_parameter_list", "static_assert_declaration",
    "sizeof_expression", "alignof_expression", "decltype", "attribute_declaration",
    "type_descriptor", "alignas_qualifier", "preproc_if", "noexcept",
}  # fmt: skip

# Bodies for other architectures, which the emulator does not compile.
NOT_IN_THE_EMULATOR = {"wrong_architecture();"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One alternative of a place. What it says, with the file and its line's text, is its name."""

    file: str
    line: int
    text: str  # of the line
    change: str  # "a + b -> a - b"
    nth: int  # of those that read the same in lines that read the same
    nth_of_line: int
    place: int
    alternative: int

    def key(self):
        return (self.file, self.text, self.change, self.nth)

    def says(self):
        """The change; where a line has several that read the same, also which."""
        return self.change + (f" ({self.nth_of_line + 1})" if self.nth_of_line else "")


def shortened(text):
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= 70 else f"{text[:40]} ... {text[-25:]}"


class File:
    """A kernel file: `text`, the instrumented source, and its `mutants`."""

    def __init__(self, name, source, first_place):
        self.name, self.source = name, source
        self.lines = source.decode().split("\n")
        self.next_place = first_place
        self.mutants, self.num_constant, self.num_unparsed = [], 0, 0
        self.seen = collections.Counter()
        blanked = CUDA_WORDS.sub(lambda match: b" " * len(match[0]), source)
        tree = PARSER.parse(blanked)
        functions = list(self.device_functions(tree.root_node))
        self.edits = {}  # id of a node -> its new text
        pieces, end = [], 0
        for function in functions:
            for part in self.parts(function):
                pieces += [source[end : part.start_byte].decode(), self.emit(part)]
                end = part.end_byte
        self.text = "".join(pieces) + source[end:].decode()

    def device_functions(self, root):
        """Functions behind __device__ or __global__, in order; none that are constexpr."""
        marks = [match.start() for match in re.finditer(rb"__device__|__global__", self.source)]
        functions = []

        def collect(node):
            if node.type == "function_definition":
                functions.append(node)
            for child in node.children:
                collect(child)

        collect(root)
        chosen = {}
        for mark in marks:
            behind = [
                f for f in functions if (f.child_by_field_name("body") or f).start_byte > mark
            ]
            if behind:
                function = min(
                    behind, key=lambda f: (f.child_by_field_name("body") or f).start_byte
                )
                start = min(mark, function.start_byte)
                head = self.source[
                    start : (function.child_by_field_name("body") or function).start_byte
                ]
                if b"constexpr" not in head:
                    chosen[function.start_byte] = function
        return [chosen[start] for start in sorted(chosen)]

    @staticmethod
    def parts(function):
        for child in function.children:
            if child.type in ("field_initializer_list", "compound_statement"):
                yield child

    def raw(self, node):
        return self.source[node.start_byte : node.end_byte].decode()

    def place(self, node, changes):
        """A new place with these alternatives; returns its number."""
        place = self.next_place
        self.next_place += 1
        line = node.start_point[0]
        text = re.sub(r"\s*//.*", "", self.lines[line]).strip()
        for alternative, change in enumerate(changes, 1):
            change = f"{shortened(self.raw(node))} -> {shortened(change)}"
            nth, nth_of_line = self.seen[text, change], self.seen[line, change]
            self.seen[text, change] += 1
            self.seen[line, change] += 1
            self.mutants.append(
                Mutant(self.name, line + 1, text, change, nth, nth_of_line, place, alternative)
            )
        return place

    def emit(self, node):
        """The node's text, with calls at the places in it."""
        if node.type in CONSTANT or (node.type == "declaration" and self.is_constexpr(node)):
            self.num_constant += self.count_constant(node)
            return self.raw(node)
        if node.has_error and node.type == "ERROR":
            self.num_unparsed += 1
            return self.raw(node)
        method = getattr(self, f"emit_{node.type}", None)
        return method(node) if method else self.emit_children(node)

    def emit_children(self, node, replaced=None):
        replaced = replaced or {}
        pieces, end = [], node.start_byte
        for child in node.children:
            pieces.append(self.source[end : child.start_byte].decode())
            pieces.append(replaced[child.id] if child.id in replaced else self.emit(child))
            end = child.end_byte
        pieces.append(self.source[end : node.end_byte].decode())
        return "".join(pieces)

    def is_constexpr(self, declaration):
        return any(
            child.type == "type_qualifier" and self.raw(child) == "constexpr"
            for child in declaration.children
        )

    def count_constant(self, node):
        own = node.type in ("binary_expression", "number_literal")
        return own + sum(self.count_constant(child) for child in node.children)

    def emit_binary_expression(self, node):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.raw(node.child_by_field_name("operator"))
        a, b = self.raw(left), self.raw(right)
        if operator in ("&&", "||"):
            other = "||" if operator == "&&" else "&&"
            place = self.place(node, [f"{a} {other} {b}", a, b])

            def is_(number):
                return f"nestor::mutants::is({place}, {number})"

            left, right = self.emit(left), self.emit(right)
            # An operand that is dropped is true for &&, false for ||. The other operator: both
            # operands and the result negated.
            if operator == "&&":
                left, right = (
                    f"((bool({left}) || {is_(3)}) != {is_(1)})",
                    f"((bool({right}) || {is_(2)}) != {is_(1)})",
                )
            else:
                left, right = (
                    f"((bool({left}) && !{is_(3)}) != {is_(1)})",
                    f"((bool({right}) && !{is_(2)}) != {is_(1)})",
                )
            return f"(({left} {operator} {right}) != {is_(1)})"
        if operator not in OPERATORS:
            return self.emit_children(node)
        name, changes = OPERATORS[operator]
        place = self.place(node, [change.format(a=a, b=b) for change in changes])
        return f"nestor::mutants::{name}({place}, {self.emit(left)}, {self.emit(right)})"

    def emit_assignment_expression(self, node):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.raw(node.child_by_field_name("operator"))
        if operator not in ASSIGNMENTS:
            return self.emit_children(node)
        name, changes = ASSIGNMENTS[operator]
        a, b = self.raw(left), self.raw(right)
        place = self.place(node, [change.format(a=a, b=b) for change in changes])
        return f"nestor::mutants::{name}({place}, {self.emit(left)}, {self.emit(right)})"

    def emit_number_literal(self, node):
        text = self.raw(node)
        is_float = "." in text or (text.endswith("f") and not text.startswith("0x"))
        if is_float:
            changes = [f"{text} + 1"]
        else:
            digits = int(re.sub(r"[uUlL']+", "", text), 0)
            suffix = "".join(re.findall(r"[uUlL]+$", text))
            changes = [f"{digits + 1}{suffix}"]
            if digits > 1:  # one less than 1 is what dropping the operator gives, or 0 steps
                changes.append(f"{digits - 1}{suffix}")
        place = self.place(node, changes)
        return f"nestor::mutants::moved({place}, {text})"

    def emit_true(self, node):
        place = self.place(node, ["false"])
        return f"(!nestor::mutants::is({place}, 1))"

    def emit_false(self, node):
        place = self.place(node, ["true"])
        return f"(nestor::mutants::is({place}, 1))"

    def emit_unary_expression(self, node):
        operator = self.raw(node.child_by_field_name("operator"))
        argument = node.child_by_field_name("argument")
        if operator == "!":
            place = self.place(node, [self.raw(argument)])
            return f"((!{self.emit(argument)}) != nestor::mutants::is({place}, 1))"
        if operator == "-" and argument.type != "number_literal":
            place = self.place(node, [self.raw(argument)])
            value = self.emit(argument)
            return f"(nestor::mutants::is({place}, 1) ? ({value}) : -({value}))"
        return self.emit_children(node)

    def emit_subscript_expression(self, node):
        indices = node.child_by_field_name("indices")
        values = [child for child in indices.children if child.is_named]
        if len(values) != 1 or values[0].type == "number_literal":
            return self.emit_children(node)
        index = self.raw(values[0])
        place = self.place(values[0], [f"{index} + 1", f"{index} - 1"])
        inner = f"nestor::mutants::moved({place}, {self.emit(values[0])})"
        replaced = {child.id: self.raw(child) for child in indices.children}
        replaced[values[0].id] = inner
        return self.emit_children(node, {indices.id: self.emit_children(indices, replaced)})

    def negated(self, condition):
        """A condition that has no alternatives of its own, as text; or None."""
        inner = condition
        while (
            inner.type in ("parenthesized_expression", "condition_clause")
            and inner.named_child_count == 1
        ):
            inner = inner.named_children[0]
        if inner.type in ("binary_expression", "true", "false", "declaration") or (
            inner.type == "unary_expression" and self.raw(inner).startswith("!")
        ):
            return None
        place = self.place(inner, [f"!({self.raw(inner)})"])
        return f"((bool({self.emit(inner)})) != nestor::mutants::is({place}, 1))"

    def emit_conditional_expression(self, node):
        condition = node.child_by_field_name("condition")
        text = self.negated(condition)
        # In parentheses, as calls bind closer than the original's operators.
        return f"({self.emit_children(node, {condition.id: text} if text else {})})"

    def emit_if_statement(self, node):
        condition = node.child_by_field_name("condition")
        if any(
            child.type == "constexpr" or self.raw(child) == "constexpr" for child in node.children
        ):
            self.num_constant += self.count_constant(condition)
            return self.emit_children(node, {condition.id: self.raw(condition)})
        text = self.negated(condition)
        return self.emit_children(node, {condition.id: f"({text})"} if text else {})

    emit_while_statement = emit_if_statement

    def emit_expression_statement(self, node):
        if node.named_child_count == 0 or self.raw(node) in NOT_IN_THE_EMULATOR:
            return self.raw(node)
        place = self.place(node, ["removed"])
        return f"{{ if (!nestor::mutants::is({place}, 1)) {self.emit_children(node)} }}"

    def emit_array_declarator(self, node):
        return self.emit_all_but(node, "size")

    def emit_case_statement(self, node):
        return self.emit_all_but(node, "value")

    def emit_all_but(self, node, constant_field):
        constant = node.child_by_field_name(constant_field)
        if constant is None:
            return self.emit_children(node)
        self.num_constant += self.count_constant(constant)
        return self.emit_children(node, {constant.id: self.raw(constant)})


def instrument(files):
    """{name: source bytes} -> list of File, with places numbered through."""
    result, place = [], 0
    for name in sorted(files):
        file = File(name, files[name], place)
        place = file.next_place
        result.append(file)
    return result
