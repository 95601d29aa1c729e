# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes what was measured into Markdown files: README.md and docs/performance.md are written by hand but for blocks between
<!-- bench/run NAME --> and <!-- /bench/run -->, which are filled from stored results (bench/run). A block without a stored
result stays as it is, since it says itself when and where it was measured; an empty one says that nothing is known. Nothing
here measures, draws or asks the machine."""

import fnmatch
import re
import time

from parts import PARTS

BLOCK = re.compile(r"(<!-- bench/run ([a-z-]+) -->\n)(.*?)(<!-- /bench/run -->)", re.DOTALL)
CALLS = (("rate", "calls/s"), ("p50_us", "p50 µs"), ("p99_us", "p99 µs"), ("cpu_us", "CPU µs"), ("switches", "switches"),
         ("rss_kib", "RSS KiB"))
# What README.md shows of the goals, as (scenario, figure).
README = (("version-16x1", "rate"), ("version-16x1", "cpu_us"), ("info-16x1", "rate"), ("info-16x1", "cpu_us"),
          ("version-16x5", "rate"), ("info-16x5", "rate"), ("serial", "rate"), ("idle-1000", "rate"), ("idle-1000", "cpu_growth"),
          ("listall", "cpu_us"), ("domstats", "cpu_us"), ("behind-8", "slowdown"), ("behind-19", "slowdown"), ("beside-24", "p50_us"),
          ("beside-24", "p99_us"), ("stuck-guest", "domstats-all_p99_us@24"), ("durable-define-1", "rate"),
          ("durable-define-20", "rate"), ("parallel-definers", "per_cpu_20"), ("start", "seconds"), ("events-100", "rate"),
          ("events-100", "cpu_us"), ("memory", "rss_kib"), ("memory", "idle_kib"), ("memory", "beyond_document_bytes"),
          ("fair-noise", "p99_us"), ("fair-noise", "rate"), ("tls-shake-1.3", "rate"), ("tls-shake-1.3", "resumed_share"),
          ("tls-storm", "p99_us"), ("tls-version-16x5", "rate"), ("tls-listall", "rate"))


# --- words


def number(value, unit=""):
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def goal_text(goal):
    if goal["kind"] == "rate":
        return f"{goal['limit']:g}×"
    if goal["kind"] == "cost":
        return f"1/{goal['limit']:g}"
    return f"{'≤' if goal['kind'] == 'most' else '≥'} {number(goal['limit'], goal['unit'])}"


def ratio_text(goal):
    if goal["ratio"] is None:
        return "–"
    return f"1/{number(goal['ratio'])}" if goal["kind"] in ("cost", "most") else f"{number(goal['ratio'])}×"


def met_text(goal):
    return {True: "yes", False: "**no**", None: "–"}[goal["met"]]


def table(rows):
    """A table in Markdown; figures stand to the right."""
    align = ["---" if place == 0 else "---:" if all(re.match(r"[\d.,<≤≥–×/ ±+-]*( ?[µmKk]?[sSBi]+)?$", row[place]) for row in rows[1:]) else "---"
             for place in range(len(rows[0]))]
    lines = [rows[0], align, *rows[1:]]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def when_text(stamp):
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(stamp)) + " UTC"


# --- one part


def results_of(part, stored):
    """Those of the part's scenarios that are stored, in the order in which they were measured; a tool's has the part's name."""
    if part.tool:
        return {part.name: stored[part.name]} if part.name in stored else {}
    names = [name for pattern in part.scenarios for name in stored if fnmatch.fnmatch(name, pattern)]
    return {name: stored[name] for name in dict.fromkeys(names)}


def value_text(scenario, server, value, unit):
    if server in scenario["failures"]:
        return "failed"
    return "none" if server in scenario["absent"] else number(value, unit)


def goal_rows(results):
    rows = []
    for name, result in results.items():
        scenario = result["scenario"]
        for goal in scenario["goals"]:
            values = [value_text(scenario, server, goal["values"].get(server), goal["unit"]) for server in ("libvirtd", "drover")]
            rows.append([f"`{name}`", goal["text"], *values, ratio_text(goal), goal_text(goal), met_text(goal)])
    return rows


def figure_rows(results):
    rows = []
    for name, result in results.items():
        scenario = result["scenario"]
        for server in ("libvirtd", "drover") if not scenario["rows"] else ():
            figures = scenario["medians"].get(server, {})
            if "rate" in figures:
                rows.append([f"`{name}`", server, *(number(figures.get(key)) for key, _ in CALLS)])
    return rows


def series_table(name, scenario):
    rows = [["", "", *(f"{title} {unit}".strip() for _, title, unit in scenario["columns"])]]
    for key, title in scenario["rows"]:
        for server in ("libvirtd", "drover"):
            figures = scenario["medians"].get(server, {})
            if any(f"{figure}@{key}" in figures for figure, _, _ in scenario["columns"]):
                rows.append([title, server, *(number(figures.get(f"{figure}@{key}")) for figure, _, _ in scenario["columns"])])
    text = f"`{name}`: {scenario['about']}.\n\n"
    return text + (table(rows) if len(rows) > 1 else "No figures.\n")


def reasons(results):
    lines = []
    for name, result in results.items():
        scenario = result["scenario"]
        lines += [f"- `{name}` failed at {server}: {why}" for server, why in scenario["failures"].items()]
        lines += [f"- `{name}` has no figures of {server}: {why}." for server, why in scenario["absent"].items()]
    return "\n".join(lines) + "\n" if lines else ""


def machine_text(about):
    return f"{about['cpus']} CPUs ({about['cpu_model']}), Linux {about['kernel']}"


def origin(part, results):
    """When, where and with what: one sentence for all that was measured together."""
    kinds = {}
    for name, result in results.items():
        about = result["about"]
        key = (about["commit"], machine_text(about), about["libvirtd"], about["how"])
        kinds.setdefault(key, []).append((name, result["when"]))
    lines = []
    for (commit, machine, libvirtd, how), members in kinds.items():
        which = "" if len(kinds) == 1 else " (" + ", ".join(f"`{name}`" for name, _ in members) + ")"
        first, last = when_text(min(when for _, when in members)), when_text(max(when for _, when in members))
        span = first if first == last else f"{first} to {last[11:] if first[:10] == last[:10] else last}"
        lines.append(f"Measured{which} {span} at {commit}, beside {libvirtd}, {how}; {machine}.")
    return " ".join(lines) + f" Again: `bench/run {part.name}`.\n"


def plots_of(part, results):
    """What is to be drawn, as bench/plots.py wants it but for the folder."""
    drawn = []
    for place, plot in enumerate(part.plots):
        spec = {"file": f"{part.name}{f'-{place + 1}' if place else ''}.svg", "title": plot.title, "unit": plot.unit, "kind": "bars",
                "numbers": plot.numbers}
        if plot.scenario:
            if plot.scenario not in results:
                continue
            scenario = results[plot.scenario]["scenario"]
            rows = [row for row in scenario["rows"] if any(f"{plot.figure}@{row[0]}" in figures for figures in scenario["medians"].values())]
            spec.update(kind="lines" if plot.numbers else "bars", labels=[row[0 if plot.numbers else 1] for row in rows],
                        titles=[row[1] for row in rows])
            values = {server: [scenario["medians"].get(server, {}).get(f"{plot.figure}@{row[0]}") for row in rows]
                      for server in ("libvirtd", "drover")}
        else:
            names = [name for name, result in results.items() if any(fnmatch.fnmatch(name, pattern) for pattern in plot.scenarios)
                     and any(plot.figure in figures for figures in result["scenario"]["medians"].values())]
            spec["labels"] = names
            values = {server: [results[name]["scenario"]["medians"].get(server, {}).get(plot.figure) for name in names]
                      for server in ("libvirtd", "drover")}
        spec["series"] = {server: row for server, row in values.items() if any(row)}
        if spec["series"]:
            drawn.append(spec)
    return drawn


def part_text(part, results):
    if part.tool:
        return tool_text(part, results[part.name])
    text = origin(part, results) + "\n"
    goals = goal_rows(results)
    if goals:
        text += table([["scenario", "figure", "libvirtd", "drover", "ratio", "goal", "met"], *goals]) + "\n"
    for spec in plots_of(part, results):
        text += f"![{spec['title']}](plots/{spec['file']})\n\n"
    for name, result in results.items():
        if result["scenario"]["rows"]:
            text += series_table(name, result["scenario"]) + "\n"
    figures = figure_rows(results)
    if figures:
        text += table([["scenario", "server", *(title for _, title in CALLS)], *figures]) + "\n"
    return text + reasons(results)


def tool_text(part, result):
    text = origin(part, {part.name: result}) + "\n"
    if result.get("failed"):
        return text + f"- failed: {result['failed']}\n"
    for section in result["sections"]:
        if "text" in section:
            text += section["text"] + "\n"
            continue
        text += "".join(f"{line}\n\n" for line in section.get("before", []))
        text += table(section["rows"]) + "\n"
        text += "".join(f"{line}\n\n" for line in section.get("after", []))
    return text.rstrip("\n") + "\n"


# --- the whole


def goals_in_short(stored):
    rows = [["part", "goals", "met", "missed"]]
    for part in PARTS:
        if part.tool:
            continue
        results = results_of(part, stored)
        goals = [(name, goal) for name, result in results.items() for goal in result["scenario"]["goals"]]
        if not results:
            rows.append([f"`{part.name}`", "not measured here", "", ""])
        elif goals:
            missed = [f"`{name}`: {goal['text']}" for name, goal in goals if goal["met"] is False]
            rows.append([f"`{part.name}`", str(len(goals)), str(sum(goal["met"] is True for _, goal in goals)), ", ".join(missed)])
    return table(rows)


def machine_block(stored):
    seen = {}
    for result in stored.values():
        seen.setdefault(tuple(sorted((key, str(value)) for key, value in result["about"].items())), result["about"])
    places = {}
    for about in seen.values():
        places[machine_text(about) + about["file_system"]] = about
    text = ""
    for about in places.values():
        text += table([["", ""], ["processors", f"{about['cpus']} × {about['cpu_model']}{about['virtual']}"],
                       ["memory", about["memory"]], ["kernel", f"Linux {about['kernel']}"],
                       ["files on", about["file_system"]], ["system", about["system"]], ["drover", about["commit"]],
                       ["libvirtd", about["libvirtd"]], ["QEMU", about["qemu"]], ["compiler", about["compiler"]]]) + "\n"
    return text.rstrip("\n") + "\n"


def readme_block(stored):
    rows = [["scenario", "figure", "libvirtd", "drover", "ratio", "goal", "met"]]
    missing = []
    for name, figure in README:
        if name not in stored:
            missing.append(name)
            continue
        one = {"scenario": {**stored[name]["scenario"],
                            "goals": [goal for goal in stored[name]["scenario"]["goals"] if goal["figure"] == figure]}}
        rows += goal_rows({name: one})
    text = table(rows)
    if missing:
        text += "\nNot measured here: " + ", ".join(f"`{name}`" for name in dict.fromkeys(missing)) + ".\n"
    return text


def block_text(name, stored):
    """What stands in a block, None when nothing is stored for it."""
    if not stored:
        return None
    if name in ("machine", "goals", "readme"):
        scenarios = {key: result for key, result in stored.items() if "scenario" in result}
        return {"machine": machine_block, "goals": goals_in_short, "readme": readme_block}[name](
            stored if name == "machine" else scenarios)
    part = next((part for part in PARTS if part.name == name), None)
    if part is None:
        return f"There is no part `{name}`.\n"
    results = results_of(part, stored)
    return part_text(part, results) if results else None


def fill(text, stored):
    """The text of a file with its blocks written anew."""
    def replace(match):
        head, name, old, tail = match.groups()
        new = block_text(name, stored)
        if new is None:
            new = old if old.strip() else f"Not measured yet: `bench/run {name}`.\n"
        return head + "\n" + new.strip("\n") + "\n\n" + tail
    return BLOCK.sub(replace, text)


def all_plots(stored):
    return [spec for part in PARTS if not part.tool for spec in plots_of(part, results_of(part, stored))]
