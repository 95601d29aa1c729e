#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench/run without measuring: does it know its parts, and does the page say what was measured, what failed and what is missing?
Usage: bench-page.py SOURCE_DIR"""

import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(sys.argv.pop(1))
BENCH = os.path.join(TOP, "bench")
sys.path.insert(0, BENCH)

import page  # noqa: E402
import parts  # noqa: E402

ABOUT = {"cpus": 2, "cpu_model": "Abacus 3", "virtual": "", "memory": "1.0 GiB", "kernel": "6.1", "file_system": "ext4", "system": "Debian",
         "commit": "drover 123abc", "libvirtd": "libvirtd 9.0.0", "qemu": "QEMU 7.2", "compiler": "gcc 12", "how": "3 rounds of 1 s"}


def goal(figure, kind, limit, theirs, ours, ratio, met):
    return {"figure": figure, "text": figure, "kind": kind, "limit": limit, "values": {"libvirtd": theirs, "drover": ours},
            "ratio": ratio, "met": met, "unit": "µs"}


def result(when=1000000000, **members):
    scenario = {"about": "what happens", "failures": {}, "absent": {}, "medians": {}, "rows": [], "columns": [], "goals": [], **members}
    return {"about": ABOUT, "when": when, "scenario": scenario}


FAIR = result(medians={"libvirtd": {"rate": 27, "p50_us": 1653000}, "drover": {"rate": 99.5, "p50_us": 212}},
              goals=[goal("p50_us", "most", 2000, 1653000, 212, 7797.2, True), goal("rate", "least", 95, 27, 90.5, 3.4, False)])
GROWTH = result(rows=[["10", "10 domains"], ["100", "100 domains"]], columns=[["p50_us", "call, p50", "µs"]],
                medians={"libvirtd": {"p50_us@10": 63.7, "p50_us@100": 257}, "drover": {"p50_us@10": 11.2}})
PAGE = """Words.
<!-- bench/run fairness -->
<!-- /bench/run -->
More.
<!-- bench/run tls -->
<!-- /bench/run -->
<!-- bench/run events -->
measured elsewhere
<!-- /bench/run -->
"""


class Parts(unittest.TestCase):
    def listed(self):
        return subprocess.run([sys.executable, os.path.join(BENCH, "run"), "--list"], capture_output=True, text=True, check=True).stdout

    def test_each_scenario_belongs_to_one_part(self):
        names = subprocess.run([sys.executable, os.path.join(BENCH, "run-rpc"), "--list"], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        lines = [line.split()[0] for line in self.listed().splitlines() if line.startswith("    ")]
        self.assertEqual(sorted(line.split()[0] for line in names), sorted(lines))

    def test_a_name_is_a_part_its_beginning_or_a_scenario(self):
        self.assertEqual([part.name for part, _ in parts.chosen_parts(["tls", "fair"])], ["fairness", "tls"])
        self.assertEqual([(part.name, names) for part, names in parts.chosen_parts(["fair-noise"])], [("fairness", ["fair-noise"])])
        self.assertNotIn("xen", [part.name for part, _ in parts.chosen_parts([])])
        for bad in ("nothing-like-that", "parallel"):
            with self.assertRaises(ValueError):
                parts.chosen_parts([bad])

    def test_each_part_has_a_block_on_the_page(self):
        with open(os.path.join(TOP, "docs", "performance.md"), encoding="utf-8") as file:
            blocks = {match.group(2) for match in page.BLOCK.finditer(file.read())}
        self.assertEqual(blocks, {part.name for part in parts.PARTS if part.usual} | {"machine", "goals"})

    def test_each_row_of_the_readme_is_a_goal(self):
        import remote_scenarios
        import rpc_scenarios
        import seed_scenarios
        goals = {(scenario.name, goal.figure) for module in (rpc_scenarios, seed_scenarios, remote_scenarios)
                 for scenario in module.SCENARIOS for goal in scenario.goals}
        self.assertEqual(set(page.README) - goals, set())


class Page(unittest.TestCase):
    def test_measured_figures_stand_with_time_place_and_command(self):
        text = page.fill(PAGE, {"fair-noise": FAIR})
        for words in ("2001-09-09 01:46 UTC at drover 123abc, beside libvirtd 9.0.0, 3 rounds of 1 s; 2 CPUs (Abacus 3), Linux 6.1",
                      "`bench/run fairness`", "| `fair-noise` | p50_us | 1,653,000 µs | 212 µs | 1/7,797 | ≤ 2,000 µs | yes |",
                      "| `fair-noise` | rate | 27 µs | 90.5 µs | 3.4× | ≥ 95 µs | **no** |", "(plots/fairness.svg)"):
            self.assertIn(words, text)
        self.assertTrue(text.startswith("Words.\n"))
        self.assertEqual(page.fill(text, {"fair-noise": FAIR}), text)

    def test_what_is_missing_is_said_and_what_stands_there_stays(self):
        text = page.fill(PAGE, {"fair-noise": FAIR})
        self.assertIn("<!-- bench/run tls -->\n\nNot measured yet: `bench/run tls`.\n", text)
        self.assertIn("<!-- bench/run events -->\n\nmeasured elsewhere\n\n<!-- /bench/run -->", text)
        self.assertEqual(page.fill(text, {}), text)
        self.assertNotIn("plots/", page.fill(PAGE, {}))

    def test_a_failure_is_said_and_has_no_figure(self):
        failed = result(failures={"drover": "it fell over"}, absent={"libvirtd": "it has no such thing"},
                        goals=[goal("p50_us", "most", 2000, None, None, None, False)])
        text = page.fill(PAGE, {"fair-noise": failed})
        self.assertIn("| `fair-noise` | p50_us | none | failed | – | ≤ 2,000 µs | **no** |", text)
        self.assertIn("- `fair-noise` failed at drover: it fell over", text)
        self.assertIn("- `fair-noise` has no figures of libvirtd: it has no such thing.", text)
        self.assertNotIn("plots/fairness", text)

    def test_a_scenario_with_rows_has_only_those_that_were_measured(self):
        text = page.fill("<!-- bench/run list-growth -->\n<!-- /bench/run -->\n", {"list-growth": GROWTH})
        self.assertIn("| 100 domains | libvirtd | 257 |", text)
        self.assertIn("| 10 domains | drover | 11.2 |", text)
        self.assertNotIn("| 100 domains | drover |", text)
        plot = page.all_plots({"list-growth": GROWTH})[0]
        self.assertEqual(plot["series"], {"libvirtd": [63.7, 257], "drover": [11.2, None]})

    def test_goals_and_readme_tell_what_was_not_measured(self):
        text = page.fill("<!-- bench/run goals -->\n<!-- /bench/run -->\n<!-- bench/run readme -->\n<!-- /bench/run -->\n", {"fair-noise": FAIR})
        self.assertIn("| `fairness` | 2 | 1 | `fair-noise`: rate |", text)
        self.assertIn("| `tls` | not measured here |", text)
        self.assertIn("Not measured here: `version-16x1`, ", text)
        self.assertIn("| `fair-noise` | rate | 27 µs | 90.5 µs | 3.4× | ≥ 95 µs | **no** |", text)

    def test_a_failed_tool_is_said(self):
        text = page.fill("<!-- bench/run waits -->\n<!-- /bench/run -->\n",
                         {"waits": {"about": ABOUT, "when": 0, "sections": [], "failed": "locks ended with status 2"}})
        self.assertIn("- failed: locks ended with status 2", text)


if __name__ == "__main__":
    unittest.main()
