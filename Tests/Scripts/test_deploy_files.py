"""Proves what the files of deploy/ for Debian and containers promise and can be seen without installing anything."""
import json
import re
import unittest

import documented_settings
from scripts import FOLDER

DEPLOY = FOLDER.parent / "deploy"


def settings(path):
    """{key: value} of a settings file of plain lines."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def templates():
    """Each template of debconf, as {field: text}."""
    found = []
    for block in (DEPLOY / "debian/templates").read_text().strip().split("\n\n"):
        fields, field = {}, None
        for line in block.splitlines():
            if not line.startswith(" "):
                field, line = line.split(":", 1)
            fields[field] = (fields.get(field, "") + "\n" + line.strip()).strip()
        found.append(fields)
    return found


class Debian(unittest.TestCase):
    def test_every_question_is_asked_in_english_and_in_german(self):
        for template in templates():
            english, german = template["Description"], template["Description-de.UTF-8"]
            self.assertNotEqual(english, german)
            self.assertEqual(english.count("\n.\n"), german.count("\n.\n"), template["Template"])
            for number in re.findall(r"\d{2,}", english):
                self.assertIn(number, german, template["Template"])

    def test_the_defaults_are_those_of_the_server(self):
        defaults = {template["Template"]: template.get("Default") for template in templates()}
        for key in ("http-port", "stun-port-1"):
            self.assertEqual(defaults[f"stund/{key}"], documented_settings.default(key))
        for key, value in settings(DEPLOY / "debian/stund.yaml").items():
            self.assertEqual(value, documented_settings.default(key), key)

    def test_the_scripts_ask_for_no_template_that_is_not_there(self):
        known = {template["Template"] for template in templates()}
        for script in ("config", "postinst", "postrm"):
            asked = re.findall(r"(?<![\w/])stund/[a-z0-9-]+\b", (DEPLOY / "debian" / script).read_text())
            self.assertLessEqual(set(asked), known, script)

    def test_an_update_leaves_the_settings_file_alone(self):
        # It is no conffile of dpkg, since the server writes it; so nothing but the first installation may make it.
        self.assertNotIn("stund.yaml", re.findall(r"echo (\S+) >\"\$root/DEBIAN/conffiles\"",
                                                  (FOLDER / "package").read_text()))
        script = (DEPLOY / "debian/postinst").read_text()
        # Never by a name in a folder that the server may write to, where a link could stand.
        self.assertEqual(re.findall(r">\s*\"?\$settings\S*", script), [])
        self.assertEqual(re.findall(r"^ *(?:mv|install|cp) .*\$settings\S*$", script, re.MULTILINE),
                         ['    install -o stund -g stund -m 0640 "$new" $settings.dpkg-new', "    mv $settings.dpkg-new $settings"])


class Container(unittest.TestCase):
    def setUp(self):
        text = (DEPLOY / "container/Containerfile").read_text()
        self.lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
        self.settings = settings(DEPLOY / "container/stund.yaml")

    def of(self, word):
        return [line.split(" ", 1)[1] for line in self.lines if line.startswith(word + " ")]

    def test_the_server_is_no_root_and_kubernetes_can_see_it(self):
        self.assertRegex(self.of("USER")[-1], r"^[1-9]\d*:[1-9]\d*$")
        after = self.lines[self.lines.index("USER " + self.of("USER")[-1]):]
        self.assertFalse([line for line in after if line.startswith("RUN ")])
        self.assertTrue(all(int(self.settings[key]) >= 1024 for key in ("stun-port-1", "stun-port-2", "http-port")))

    def test_what_is_written_is_a_volume_so_the_rest_may_be_read_only(self):
        volumes = set(json.loads(self.of("VOLUME")[0]))
        variables = dict(word.split("=") for word in self.of("ENV")[0].split())
        self.assertEqual(set(variables.values()), volumes)

    def test_health_is_what_the_server_says_of_itself(self):
        self.assertTrue(self.of("HEALTHCHECK")[0].endswith('CMD ["/usr/sbin/stund", "status"]'))
        # As the first process, which a signal must reach.
        self.assertEqual(json.loads(self.of("ENTRYPOINT")[0])[:2], ["/usr/sbin/stund", "--no-daemon"])

    def test_the_ports_that_are_told_are_those_of_the_settings_and_of_the_chart(self):
        ports = set(self.of("EXPOSE")[0].split())
        relay = self.settings["relay-ports"]
        self.assertIn(f"{relay}/udp", ports)
        first, last = map(int, relay.split("-"))
        self.assertLessEqual(last - first, 999)
        for key, protocols in (("stun-port-1", "udp tcp"), ("stun-port-2", "udp"), ("http-port", "tcp")):
            for protocol in protocols.split():
                self.assertIn(f"{self.settings[key]}/{protocol}", ports)
        chart = (DEPLOY / "helm/stund/values.yaml").read_text()
        self.assertIn(f"first: {first}\n  last: {last}\n", chart)
        user = self.of("USER")[-1].split(":")[0]
        self.assertIn(f"runAsUser: {user}", (DEPLOY / "helm/stund/templates/deployment.yaml").read_text())

    def test_every_setting_is_one_that_the_server_knows(self):
        self.assertLessEqual(set(self.settings), documented_settings.documented_keys())


class Versions(unittest.TestCase):
    def test_chart_and_documents_have_the_version_of_the_program(self):
        source = (FOLDER.parent / "Sources/Programs/stund/Version.swift").read_text()
        version = re.search(r'current = "([^"]+)"', source).group(1)
        chart = (DEPLOY / "helm/stund/Chart.yaml").read_text()
        self.assertIn(f"\nversion: {version}\n", chart)
        self.assertIn(f'\nappVersion: "{version}"\n', chart)
        guide = (FOLDER.parent / "docs/install.md").read_text()
        named = re.findall(r"stund[-_:](\d+\.\d+\.\d+)", guide)
        self.assertGreater(len(named), 5)
        self.assertEqual(set(named), {version})


if __name__ == "__main__":
    unittest.main()
