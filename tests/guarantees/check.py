"""Every test that docs/guarantees.md and docs/api-coverage.md name exists, and every guarantee names one.

A name is `Suite.Test`, `.Test` (of the suite before it), with a * at its end for several, or a test
program's. Guarantees are the rows of the tables; what the text between them names must exist too.
"""

import fnmatch
import pathlib
import re
import sys

DECLARED = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
BUILT = re.compile(r"^\s*portoser_integration_test\((\w+)", re.MULTILINE)
ADDED = re.compile(r"^\s*add_test\(NAME (\w+)\s", re.MULTILINE)
BUILT_ALIKE = re.compile(r"foreach\(name ([\w\s]+)\)\s*portoser_integration_test\(\$\{name\}_test")
TEST = re.compile(r"\w*\.[\w*]+")
# Between the tables settings and files stand in the same quotes.
TEST_IN_TEXT = re.compile(r"[A-Z]\w*\.[A-Z*][\w*]*")
PROGRAM = re.compile(r"\w+_test|(?:corpus|fuzz)_[\w*]+")


def declared(root):
    names = set()
    for source in root.glob("tests/**/*.cpp"):
        names |= {".".join(pair) for pair in DECLARED.findall(source.read_text())}
    for folder in root.glob("tests/**/CMakeLists.txt"):
        text = folder.read_text()
        names |= set(BUILT.findall(text)) | set(ADDED.findall(text))
        for alike in BUILT_ALIKE.findall(text):
            names |= {name + "_test" for name in alike.split()}
    for source in root.glob("tests/fuzz/*_fuzz.cpp"):
        target = source.stem.removesuffix("_fuzz")
        names |= {"corpus_" + target, "fuzz_" + target}
    return names


def is_row(line):
    return line.startswith("| ") and not line.startswith("| guarantee |")


def problems(page, text, names, needs_test):
    suite = ""
    rows = 0
    for number, line in enumerate(text.splitlines(), 1):
        here = f"{page}:{number}"
        rows += is_row(line)
        cited = re.findall(r"`([^`]+)`", line.rsplit(" | ", 1)[-1] if is_row(line) else line)
        pattern = TEST if is_row(line) else TEST_IN_TEXT
        found = False
        for name in cited:
            if pattern.fullmatch(name):
                suite = name.split(".")[0] or suite
                name = suite + "." + name.split(".")[1]
            elif not PROGRAM.fullmatch(name):
                continue
            found = True
            if not fnmatch.filter(names, name):
                yield f"{here}: there is no test {name}"
        if needs_test and is_row(line) and not found:
            yield f"{here}: names no test"
    if rows == 0:
        yield f"{page}: has no row of a table"


def main():
    root = pathlib.Path(sys.argv[1])
    names = declared(root)
    wrong = []
    for page, needs_test in (("docs/guarantees.md", True), ("docs/api-coverage.md", False)):
        wrong += problems(page, (root / page).read_text(), names, needs_test)
    print("\n".join(wrong) or "every guarantee has its test")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
