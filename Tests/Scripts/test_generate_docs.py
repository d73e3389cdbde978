"""Proves that Scripts/generate-docs changes what the program says and nothing else. That the documents are as it would write
them, the tests of ServerSettings and Observability say."""
import unittest

from scripts import load

script = load("generate-docs")


def setting(name, **other):
    return {
        "name": name, "meaning": "It does.", "defaultText": "5", "allowed": "a number", "example": "6", "needsRestart": False, **other,
    }


class GenerateDocs(unittest.TestCase):
    def sections(self, text, *settings):
        return script.replaced(text, script.SECTION, [(one["name"], script.section(one)) for one in settings], "\n")

    def test_a_section_says_what_the_tests_of_the_reference_want(self):
        text = script.section(setting("log-level", defaultText="", needsRestart=True))
        self.assertEqual(
            text,
            "### `log-level`\n\nIt does.\n\nDefault: nothing. Allowed: a number. Read: when the server starts.\n\n"
            "```yaml\nlog-level: 6\n```\n",
        )

    def test_words_around_the_sections_stay(self):
        old = script.section(setting("a", meaning="It did."))
        text = f"# Settings\n\n{old}\n## Relay\n\nWords.\n\n```yaml\nx: 1\n```\n\n{script.section(setting('b'))}"
        new = self.sections(text, setting("a"), setting("b"))
        self.assertEqual(new, text.replace("It did.", "It does."))

    def test_a_new_one_stands_behind_the_one_before_it_and_one_that_is_gone_goes(self):
        text = "# Settings\n\n" + "\n".join(script.section(setting(name)) for name in ("a", "gone", "c"))
        new = self.sections(text, setting("a"), setting("b"), setting("c"))
        self.assertEqual([match[1] for match in script.SECTION.finditer(new)], ["a", "b", "c"])

    def test_the_first_may_be_new(self):
        new = self.sections("# S\n\n" + script.section(setting("b")), setting("a"), setting("b"))
        self.assertEqual([match[1] for match in script.SECTION.finditer(new)], ["a", "b"])

    def test_rows_of_messages(self):
        message = {"number": 1001, "level": 3, "title": "Failed", "meaning": "It failed.", "remedy": "Nothing."}
        text = "| code | level |\n| --- | --- |\n| 1000 | old |\n| 1001 | 4 | old | old | old |\n\nWords.\n"
        new = script.replaced(text, script.ROW, [("1001", script.row(message))], "")
        self.assertEqual(
            new, "| code | level |\n| --- | --- |\n| 1001 | 3 | Failed | It failed. | Nothing. |\n\nWords.\n")


if __name__ == "__main__":
    unittest.main()
