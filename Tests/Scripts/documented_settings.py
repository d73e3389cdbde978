"""What docs/settings.md says of the settings, for tests of the files that use them."""
import re

from scripts import FOLDER

TEXT = (FOLDER.parent / "docs/settings.md").read_text()


def documented_keys():
    """The names of all settings; a test of the server holds them equal to its own."""
    return set(re.findall(r"^### `([a-z0-9-]+)`$", TEXT, re.MULTILINE))


def default(key):
    section = TEXT.split(f"### `{key}`")[1].split("### `")[0]
    return re.search(r"^Default: `([^`]*)`", section, re.MULTILINE).group(1)
