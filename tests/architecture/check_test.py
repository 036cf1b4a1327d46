"""Proves that check.py finds what it is for, on a small tree made for it."""

import os
import tempfile
import unittest

import check

ROOMS = "common:\nlow:\nhigh: low\ntop: top/*\ntop/a:\ntop/b:\n"


class CheckTest(unittest.TestCase):
    def found(self, path, text):
        with tempfile.TemporaryDirectory() as checkout:
            for name, content in (("tests/architecture/rooms.txt", ROOMS), (path, text)):
                file = os.path.join(checkout, name)
                os.makedirs(os.path.dirname(file), exist_ok=True)
                with open(file, "w", encoding="utf-8") as out:
                    out.write(content)
            return list(check.findings(checkout))

    def test_include_upwards_is_found_with_its_line(self):
        found = self.found("low/x.cpp", '#include "low/x.h"\n\n#include "high/y.h"\n')
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("low/x.cpp:3: low may not include high"))

    def test_allowed_includes_are_silent(self):
        text = '#include "high/y.h"\n#include "low/x.h"\n#include "common/error.h"\n#include <vector>\n'
        self.assertEqual(self.found("high/y.cpp", text), [])

    def test_the_room_above_may_include_all_below_it_but_they_not_each_other(self):
        text = '#include "top/a/x.h"\n#include "top/b/x.h"\n'
        self.assertEqual(self.found("top/top.cpp", text), [])
        self.assertEqual(len(self.found("top/a/x.cpp", text)), 1)
        self.assertEqual(len(self.found("top/a/y.cpp", '#include "top/top.h"\n')), 1)

    def test_include_beside_the_file_and_in_angle_brackets_are_found(self):
        self.assertEqual(len(self.found("low/x.cpp", '#include "x.h"\n')), 1)
        self.assertEqual(len(self.found("low/x.cpp", "#include <common/error.h>\n")), 1)

    def test_braced_temporary_beside_co_await_is_found_also_on_the_next_line(self):
        self.assertEqual(len(self.found("low/x.cpp", "co_await f(Agg{a, b});\n")), 1)
        found = self.found("low/x.cpp", "void g();\nco_return co_await f(a,\n    Agg{b});\n")
        self.assertTrue(found[0].startswith("low/x.cpp:3:"))

    def test_comments_strings_and_statements_of_their_own_are_silent(self):
        text = (
            "// co_await f(Agg{a})\n"
            'log("co_await f(Agg{a})");\n'
            "auto made = Agg{a};\nco_await f(std::move(made));\nauto next = Agg{b};\n"
            "if (co_await f()) {\n  Agg{c};\n}\n"
        )
        self.assertEqual(self.found("low/x.cpp", text), [])


if __name__ == "__main__":
    unittest.main()
