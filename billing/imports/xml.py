"""XML read safely: no document type, so no entities and nothing to fetch; bounded in depth and number of elements.

Expat is driven directly, since its callbacks know the line that each element stands in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from billing.imports.bills import FileRefused

DEEPEST = 40
MOST_ELEMENTS = 200_000
# Between namespace and name; neither can contain it.
SEPARATOR = " "


@dataclass(slots=True)
class Node:
    """One element: namespace, name, attributes, own text and children."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    children: list["Node"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The element's own text, trimmed."""
        return "".join(self.pieces).strip()

    def all(self, path: str) -> Iterator["Node"]:
        """Every element at a path of names, ``TaxTotal/TaxSubtotal``."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def first(self, path: str) -> "Node | None":
        """The first element at a path."""
        return next(self.all(path), None)

    def value(self, path: str) -> str:
        """The text of the first element at a path; empty where there is none."""
        found = self.first(path)
        return found.text if found else ""

    def line_of(self, path: str) -> int:
        """Where the first element at a path stands; this element's own line where there is none."""
        found = self.first(path)
        return found.line if found else self.line


class _Builder:
    """Builds the tree and stops at whatever is hostile."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        # Without a document type there are no entities but XML's own five, and nothing outside to refer to.
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype
        self.parser.ExternalEntityRefHandler = self.doctype
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.root: Node | None = None
        self.open: list[Node] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self.count += 1
        if len(self.open) >= DEEPEST:
            raise FileRefused(line, f"elements are nested deeper than {DEEPEST}")
        if self.count > MOST_ELEMENTS:
            raise FileRefused(line, f"there are more than {MOST_ELEMENTS} elements")
        namespace, _, local = name.rpartition(SEPARATOR)
        node = Node(namespace, local, attributes, line)
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def end(self, name: str) -> None:
        self.open.pop()

    def text(self, data: str) -> None:
        if self.open:
            self.open[-1].pieces.append(data)

    def doctype(self, *_: object) -> int:
        raise FileRefused(self.parser.CurrentLineNumber, "a document type or entity is declared; that is not read")


def parse(data: bytes) -> Node:
    """The document's root. Raises FileRefused with the line for anything that is not plain, well-formed XML."""
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise FileRefused(error.lineno, f"not well-formed XML: {expat.ErrorString(error.code)}") from None
    except (ValueError, LookupError):
        # An encoding that Python doesn't know, or that XML can't be in.
        raise FileRefused(1, "not XML in an encoding that can be read") from None
    if builder.root is None:
        raise FileRefused(1, "there is no XML in it")
    return builder.root
