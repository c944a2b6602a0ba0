"""The Python programs in documents, as files:

    python3 doc_programs.py FOLDER DOCUMENT.md...

Each stands in its file at the lines that it has in the document, so that an error tells where.
"""

import re
import sys
from pathlib import Path

PROGRAM = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def programs(text):
    """(number of its first line, program) of each in the text of a document."""
    return [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in PROGRAM.finditer(text)]


def main(folder, *documents):
    for document in map(Path, documents):
        found = programs(document.read_text())
        if not found:
            sys.exit(f"{document}: no program in it")
        for line, program in found:
            name = f"{document.stem.replace('-', '_').lower()}_{line}.py"
            (Path(folder) / name).write_text("\n" * (line - 1) + program)


if __name__ == "__main__":
    main(*sys.argv[1:])
