"""Every test that docs/guarantees.md names exists, and every guarantee names one.

A name is `Suite.Test`, `.Test` (of the suite before it), with a * at its end for several, or a test
program's.
"""

import fnmatch
import pathlib
import re
import sys

DECLARED = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
PROGRAM = re.compile(r"\w+_test\b|corpus_\*|fuzz_\*")


def declared(root):
    names = set()
    for source in root.glob("tests/**/*.cpp"):
        names |= {".".join(pair) for pair in DECLARED.findall(source.read_text())}
        names.add(source.stem)
    return names


def problems(text, names):
    suite = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("| ") or line.startswith("| guarantee |"):
            continue
        cited = re.findall(r"`([^`]+)`", line.rsplit(" | ", 1)[1])
        found = False
        for name in cited:
            if re.fullmatch(r"\w*\.[\w*]+", name):
                suite = name.split(".")[0] or suite
                whole = suite + "." + name.split(".")[1]
                found = True
                if not fnmatch.filter(names, whole):
                    yield f"docs/guarantees.md:{number}: there is no test {whole}"
            elif PROGRAM.fullmatch(name):
                found = True
                if not name.endswith("*") and name not in names:
                    yield f"docs/guarantees.md:{number}: there is no test program {name}"
        if not found:
            yield f"docs/guarantees.md:{number}: names no test"


def main():
    root = pathlib.Path(sys.argv[1])
    names = declared(root)
    wrong = list(problems((root / "docs/guarantees.md").read_text(), names))
    print("\n".join(wrong) or "every guarantee has its test")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
