"""Proves that Scripts/instructions lets no datagram become dearer unseen."""
import unittest

from scripts import load

instructions = load("instructions")


class TestInstructions(unittest.TestCase):
    limits = {("x86_64", "binding"): 1000}

    def compared(self, count, machine="x86_64"):
        lines, failed = instructions.compare({"binding": count}, self.limits, machine)
        return lines[0], failed

    def test_five_percent_more_is_let_in(self):
        self.assertFalse(self.compared(1050)[1])

    def test_more_than_that_fails_and_says_where_to_look(self):
        line, failed = self.compared(1051)
        self.assertTrue(failed)
        self.assertIn("--show binding", line)

    def test_ten_percent_less_asks_for_a_lower_limit(self):
        self.assertIn("--update", self.compared(900)[0])
        self.assertNotIn("--update", self.compared(901)[0])
        self.assertFalse(self.compared(900)[1])

    def test_another_architecture_has_no_limit_yet(self):
        line, failed = self.compared(5000, "aarch64")
        self.assertFalse(failed)
        self.assertIn("no limit for aarch64", line)

    def test_limits_are_read_as_they_are_written(self):
        limits = self.limits | {("aarch64", "garbage"): 7}
        self.assertEqual(instructions.read_limits(instructions.write_limits(limits)), limits)

    def test_a_line_that_is_none_is_named(self):
        for line in ("x86_64 binding", "x86_64 binding many", "x86_64 binding 0"):
            with self.assertRaises(SystemExit) as raised:
                instructions.read_limits("# a comment\n" + line + "\n")
            self.assertIn(":2:", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
