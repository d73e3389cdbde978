"""Proves that the table of `make bench` says what was measured: medians, ratios, bars that are met and not met."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "Benchmarks"))

import report  # noqa: E402
import streams  # noqa: E402


def rounds(figure, *numbers):
    return [{figure: number} for number in numbers]


class TestReport(unittest.TestCase):
    def word(self, found, text):
        """What the table says of the bar that begins so."""
        return next(bar.cells()[-1] for bar in report.bars(found) if bar.text.startswith(text))

    def test_median_of_the_rounds_in_which_it_was_measured(self):
        found = {"w": {"stund": [{"us": 3}, {"us": 1}, {"us": 100}, {"us": None}, {}]}}
        self.assertEqual(report.median(found, "w", "stund", "us"), 3)
        self.assertIsNone(report.median(found, "w", "coturn", "us"))
        self.assertIsNone(report.median(found, "absent", "stund", "us"))

    def test_ratio_is_of_medians(self):
        found = {"w": {"stund": rounds("us", 1, 2, 9), "coturn": rounds("us", 4, 5, 3)}}
        self.assertEqual(report.ratio(found, "w", "stund"), 0.5)

    def test_no_ratio_to_nothing(self):
        self.assertIsNone(report.ratio({"w": {"stund": rounds("us", 1), "coturn": rounds("us", 0)}}, "w", "stund"))

    def test_table_has_a_row_for_each_server(self):
        found = {"w": {"stund": rounds("us", 1, 2, 3), "coturn": rounds("us", 4)}}
        self.assertEqual(report.table(found, {"w": "The work"}).splitlines(), [
            "| work | server | CPU us each (min-max) | : coturn |",
            "| --- | --- | --- | --- |",
            "| The work | stund | 2.00 (1.00-3.00) | 0.50 |",
            "| The work | coturn | 4.00 |  |",
        ])

    def test_bar_is_met_at_its_limit_and_not_above(self):
        for ours, word in ((4.0, "met"), (4.1, "NOT MET")):
            found = {"calls-100": {"stund": rounds("us", ours), "coturn": rounds("us", 10)}}
            self.assertEqual(self.word(found, "100 calls x 50/s: CPU"), word)

    def test_bar_that_was_not_measured_is_neither(self):
        self.assertEqual(self.word({}, "trains: CPU"), "not measured")
        found = {"trains": {"stund": rounds("us", 1)}}
        self.assertEqual(self.word(found, "trains: CPU"), "not measured")

    def test_clients_over_streams_have_a_bar_each(self):
        for work, title in report.STREAM_WORKS.items():
            for ours, word in ((9, "met"), (9.1, "NOT MET")):
                found = {work: {"stund": rounds("us", ours), "coturn": rounds("us", 10)}}
                self.assertEqual(self.word(found, f"{title}: CPU"), word)
        for bytes_, word in ((40_000, "met"), (40_001, "NOT MET")):
            self.assertEqual(self.word({"tls-idle": {"stund": rounds("bytes", bytes_)}}, "10,000 idle TLS"), word)

    def test_streams_are_works_of_the_comparison(self):
        self.assertLessEqual(set(report.STREAM_WORKS), set(streams.TITLES))

    def test_packets_of_one_core_are_at_least_a_million(self):
        for us, word in ((0.9, "met"), (1.1, "NOT MET")):
            self.assertEqual(self.word({"trains": {"stund": rounds("us", us)}}, "trains: packets"), word)

    def test_p99_is_compared_with_coturns(self):
        found = {"calls-100": {"stund": rounds("p99", 0.6), "coturn": rounds("p99", 0.5)}}
        self.assertEqual(self.word(found, "100 calls x 50/s: p99"), "NOT MET")

    def test_one_round_that_starves_a_direction_is_enough(self):
        found = {"saturated": {"stund": rounds("share", 50, 50, 44.9)}}
        self.assertEqual(self.word(found, "saturated, epoll: a direction's"), "NOT MET")
        found = {"saturated": {"stund": rounds("share", 55, 50, 45)}}
        self.assertEqual(self.word(found, "saturated, epoll: a direction's"), "met")

    def test_floods_are_compared_with_calls_alone(self):
        calls = [{"p99": 0.5, "lost": 0.2, "grown": 10}]
        found = {"flood-none": {"stund": rounds("p99", 0.2)}, "flood-garbage": {"stund": calls}}
        self.assertEqual(self.word(found, "flood of garbage: the calls' p99"), "NOT MET")
        self.assertEqual(self.word(found, "flood of garbage: %"), "NOT MET")
        self.assertEqual(self.word(found, "flood of garbage: growth"), "met")

    def test_noise_names_its_reason(self):
        quiet = {"binding": {"floor": [{"us": 3.0, "other": 0.01, "steal": 0.0}] * 2}}
        self.assertTrue(report.noise(quiet)[-1].startswith("quiet"))
        noisy = {"binding": {"floor": [{"us": 3.0, "other": 0.9, "steal": 0.0}, {"us": 4.0, "other": 0.0, "steal": 0.2}]}}
        last = report.noise(noisy)[-1]
        for reason in ("other programs", "host took", "same work"):
            self.assertIn(reason, last)

    def test_says_where_the_load_was_the_limit(self):
        found = {"saturated": {"stund": rounds("load", 0.99), "coturn": rounds("load", 0.5)}}
        lines = "\n".join(report.noise(found))
        self.assertIn("saturated (stund)", lines)
        self.assertNotIn("coturn", lines)


if __name__ == "__main__":
    unittest.main()
