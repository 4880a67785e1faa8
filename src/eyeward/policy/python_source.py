"""Find prompts in Python source through `ast`; nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from os import PathLike

from eyeward.errors import PolicyError
from eyeward.policy.blocks import header_of, scan
from eyeward.policy.importer import PromptText
from eyeward.policy.lines import LineRole


def prompts_in_python(source: str, file: str | PathLike[str] | None = None) -> Iterator[PromptText]:
    """Yield texts that may be prompts: strings, their sums and joins, and dicts from labels to blocks.

    A dict value may be a block, a list of blocks (the published files list the enforced one first, then the declared
    ones; the first is taken), or a dict with `should_not` and `can`. Names stand for the constants that they were last
    given at the top level. F-strings with values in them are left out, because their text is not in the file.

    Raises:
        PolicyError: when the text is not Python.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as problem:
        raise PolicyError(f"This is not valid Python: {problem.msg}.", file, problem.lineno) from None
    except (ValueError, RecursionError, MemoryError) as problem:
        raise PolicyError(f"This Python source cannot be parsed: {problem}.", file) from None
    return _Finder(tree).prompts()


class _Finder:
    """Walks a module once; a text that is part of a larger one is not reported again."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.constants: dict[str, str] = {}

    def prompts(self) -> Iterator[PromptText]:
        for statement in self.tree.body:
            yield from self.visit(statement)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                text = self.text(statement.value)
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    if isinstance(target, ast.Name) and text is not None:
                        self.constants[target.id] = text

    def visit(self, node: ast.AST) -> Iterator[PromptText]:
        if isinstance(node, ast.Dict):
            text = self.blocks(node)
            if text is not None:
                yield PromptText(text, node.lineno, in_lines=False, exact=False)
                return
        if isinstance(node, ast.expr) and not isinstance(node, ast.Name):
            text = self.text(node)
            if text is not None:
                if _has_block(text):
                    in_lines = (node.end_lineno or node.lineno) - node.lineno == text.count("\n")
                    yield PromptText(text, node.lineno, in_lines)
                return
            if isinstance(node, ast.JoinedStr):
                return  # its constants alone would be a prompt with holes
        for child in ast.iter_child_nodes(node):
            yield from self.visit(child)

    def text(self, node: ast.expr) -> str | None:
        """Return the text of an expression whose value stands in the source, else None."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        if isinstance(node, ast.JoinedStr):
            return self.joined(node.values, "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.joined([node.left, node.right], "")
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            text = self.joined(node.elts, "\n")
            return text if text is not None and all(not _has_block(e) for e in self.each(node.elts)) else None
        if isinstance(node, ast.Call):
            return self.called(node)
        return None

    def called(self, node: ast.Call) -> str | None:
        """Read `"...".join([...])`, `"...".strip()` and `textwrap.dedent("...")`."""
        if not isinstance(node.func, ast.Attribute):
            return None
        if node.func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
            joint = self.text(node.func.value)
            return None if joint is None else self.joined(node.args[0].elts, joint)
        if node.func.attr == "strip" and not node.args:
            text = self.text(node.func.value)
            return None if text is None else text.strip()
        return None

    def joined(self, nodes: list[ast.expr], joint: str) -> str | None:
        texts = [self.text(node) for node in nodes]
        return None if any(text is None for text in texts) else joint.join(text for text in texts if text is not None)

    def each(self, nodes: list[ast.expr]) -> Iterator[str]:
        yield from (text for text in map(self.text, nodes) if text is not None)

    def blocks(self, node: ast.Dict) -> str | None:
        """Return the prompt that a dict from labels to blocks stands for, or None when it is another dict."""
        parts = []
        for key, value in zip(node.keys, node.values, strict=True):
            label = None if key is None else self.text(key)
            if label is None:
                return None
            header = label if header_of(label) is not None else self.named(label, value)
            block = self.block(value)
            if header is None or block is None:
                return None
            parts.append(f"{header.rstrip(': ')}:\n{block}")
        return "\n".join(parts) if parts else None

    def named(self, id: str, value: ast.expr) -> str | None:
        """Return the header for `{"O1": {"name": ...}}`."""
        if not isinstance(value, ast.Dict):
            return None
        name = self.item(value, "name")
        text = None if name is None else self.text(name)
        header = f"{id}: {text}"
        return header if text is not None and header_of(header) is not None else None

    def block(self, value: ast.expr) -> str | None:
        if isinstance(value, ast.List | ast.Tuple) and value.elts:
            return self.block(value.elts[0])
        if isinstance(value, ast.Dict):
            lines = []
            for key, heading in (("should_not", "Should not:"), ("can", "Can:")):
                rules = self.item(value, key)
                if rules is None:
                    continue
                if not isinstance(rules, ast.List | ast.Tuple):
                    return None
                lines += [heading, *(f"- {rule}" for rule in self.each(rules.elts))]
            return "\n".join(lines) if lines else None
        text = self.text(value)
        return text if text is not None and _has_list(text) else None

    def item(self, node: ast.Dict, name: str) -> ast.expr | None:
        for key, value in zip(node.keys, node.values, strict=True):
            text = None if key is None else self.text(key)
            if text is not None and text.lower().replace(" ", "_").rstrip(":") == name:
                return value
        return None


def _has_block(text: str) -> bool:
    return "\n" in text and any(line.role is LineRole.HEADER for line in scan(text))


def _has_list(block: str) -> bool:
    return any(line.rule is not None for line in scan(f"X1: block\n{block}"))
