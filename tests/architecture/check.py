"""Checks what the compiler cannot: which room includes which (rooms.txt), and a fault of g++ 12.

usage: check.py CHECKOUT

Prints file:line and what would be right for each finding, and ends with 1 when there is any.
"""

import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ANGLE_INCLUDE = re.compile(r"^\s*#\s*include\s*<((?:common|protocol|agent|controller|tests)/[^>]+)>")
# g++ 12.2 destroys a braced temporary twice when its statement has a co_await (docs/decisions).
CO_AWAIT = re.compile(r"\bco_await\b")
STATEMENT_END = re.compile(r";|\{\s*\n")
BRACED_TEMPORARY = re.compile(r"\b[A-Z]\w*\{")
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"', re.DOTALL
)


def read_rooms(path):
    """Room -> the names it may include, as rooms.txt has them."""
    rooms = {}
    with open(path, encoding="utf-8") as table:
        for line in table:
            line = line.split("#")[0].strip()
            if line:
                room, allowed = line.split(":")
                rooms[room.strip()] = ["common"] + allowed.split()
    return rooms


def room_of(path, rooms):
    fitting = [room for room in rooms if path.startswith(room + "/")]
    return max(fitting, key=len, default=None)


def may_include(room, target, rooms):
    if room == target:
        return True
    for allowed in rooms[room]:
        if allowed == target or (allowed.endswith("/*") and target.startswith(allowed[:-1])):
            return True
    return False


def check_includes(path, lines, rooms):
    room = room_of(path, rooms)
    if room is None:
        yield 1, "belongs to no room: give its folder a line in tests/architecture/rooms.txt"
        return
    for number, line in enumerate(lines, 1):
        if match := ANGLE_INCLUDE.match(line):
            yield number, f'<{match[1]}> is ours: include it as "{match[1]}"'
        if match := INCLUDE.match(line):
            target = room_of(match[1], rooms)
            if target is None:
                yield number, f'"{match[1]}" is not rooted at the checkout, or its folder is no room'
            elif not may_include(room, target, rooms):
                allowed = ", ".join(rooms[room])
                yield number, (
                    f'{room} may not include {target} ("{match[1]}"); it may include {allowed}.'
                    " What points upwards goes through an interface that the lower room declares"
                )


def blank(match):
    """Spaces in place of a comment or a string, so that lines keep their numbers."""
    return re.sub(r"[^\n]", " ", match[0])


def check_co_await(text):
    code = NOT_CODE.sub(blank, text)
    for match in CO_AWAIT.finditer(code):
        end = STATEMENT_END.search(code, match.end())
        statement = code[match.end() : end.start() if end else len(code)]
        if found := BRACED_TEMPORARY.search(statement):
            number = code.count("\n", 0, match.end() + found.start()) + 1
            yield number, (
                f"{found[0]}...}} in a statement with co_await is destroyed twice by g++ 12.2:"
                " make it a named variable in a statement of its own and move that in"
            )


def sources(checkout, rooms):
    for top in sorted({room.split("/")[0] for room in rooms}):
        for folder, _, names in os.walk(os.path.join(checkout, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cpp")):
                    yield os.path.relpath(os.path.join(folder, name), checkout)


def findings(checkout):
    rooms = read_rooms(os.path.join(checkout, "tests", "architecture", "rooms.txt"))
    for path in sources(checkout, rooms):
        with open(os.path.join(checkout, path), encoding="utf-8") as source:
            text = source.read()
        for number, message in check_includes(path, text.splitlines(), rooms):
            yield f"{path}:{number}: {message}"
        for number, message in check_co_await(text):
            yield f"{path}:{number}: {message}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(findings(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
