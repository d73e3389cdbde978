"""Reads documents that name the tests that show something, each by its sentence and its file: "it answers" (`ATests/B`).

Tests of Swift are called by their display name; those of Python, which have none, by the words of theirs:
`test_it_starts` of Tests/Scripts/test_x.py is "it starts" (`Scripts/test_x`).
"""
import re

TEST = re.compile(r'(TEST\? )?"(.+?)" \(`([^`]+)`\)')


def tests(folder):
    """The sentences of all tests below a folder, each with the files that have it, as Target/File."""
    found = {}
    for path in folder.rglob("*.swift"):
        for sentence in re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', path.read_text()):
            sentence = re.sub(r"\\(.)", r"\1", sentence)
            found.setdefault(sentence, set()).add(f"{path.parent.name}/{path.stem}")
    for path in folder.rglob("test_*.py"):
        for name in re.findall(r"^    def test_(\w+)\(self\):", path.read_text(), re.MULTILINE):
            found.setdefault(name.replace("_", " "), set()).add(f"{path.parent.name}/{path.stem}")
    return found


def cells(line):
    """The cells of a table's row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def tables(text):
    """The rows of each table, as (line number, cells), without its two lines of head."""
    found, rows = [], []
    for number, line in enumerate(text.splitlines() + [""], 1):
        if line.startswith("|"):
            rows.append((number, cells(line)))
        elif rows:
            found.append(rows[2:])
            rows = []
    return found


def findings_of_how(how, known, reasons):
    """What is wrong with a cell that names tests, where `known` are the tests and `reasons` begin what stands without one."""
    wrong = []
    for proposed, sentence, file in TEST.findall(how):
        if proposed:
            wrong.append(f"the test is not written, or not yet named without the mark: {file}: {sentence}")
        elif file not in known.get(sentence, ()):
            places = ", ".join(sorted(known.get(sentence, ()))) or "nowhere"
            wrong.append(f"{file} has no test '{sentence}' (it is {places})")
    if "TEST?" in TEST.sub("", how):
        wrong.append("a mark without the sentence and file of a test")
    if not TEST.search(how) and not how.startswith(reasons):
        wrong.append(f"neither a test nor a reason: '{how}'")
    return wrong
