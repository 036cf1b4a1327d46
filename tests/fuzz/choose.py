"""choose.py CONTROL_FILE KEPT_FOLDER: of the inputs that libFuzzer measured for a merge (the file that
-merge_control_file names), prints those that add most to what KEPT_FOLDER reaches, so many at most. All
of them would be hundreds, the most for a single branch each."""
import os
import sys

AT_MOST = 32


def added(path):
    """How much code each input reaches that none before it did."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    count = int(lines[0])
    names = lines[2 : 2 + count]
    out = dict.fromkeys(names, 0)
    for line in lines[2 + count :]:
        word, *numbers = line.split()
        if word == "FT":
            out[names[int(numbers[0])]] = len(numbers) - 1
    return out


if __name__ == "__main__":
    new = {
        name: count
        for name, count in added(sys.argv[1]).items()
        if count and os.path.dirname(name) != sys.argv[2].rstrip("/")
    }
    for name in sorted(new, key=lambda name: (-new[name], name))[:AT_MOST]:
        print(name)
