#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the plots of docs/performance.md: reads a list of them as JSON from standard input and writes SVG files. A program of
its own because matplotlib belongs to the system's Python. See bench/page.py, which makes the list.

Each has a file, title, unit, labels (one for each place on the axis) and series ({server: [value or null]}); kind is "bars" or
"lines", and numbers says that the labels of lines are numbers."""

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "drover", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
                            "axes.titlesize": 10, "axes.titleweight": "bold", "figure.facecolor": "white"})

from matplotlib import pyplot, ticker  # noqa: E402

COLOURS = {"libvirtd": "#9a9a9a", "drover": "#1f6fb2"}
OTHERS = ("#d08a28", "#4f9a5a")


def colour_of(server, place):
    return COLOURS.get(server, OTHERS[place % len(OTHERS)])


def short(value):
    """At most three digits, and a letter for thousands and millions."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def spans_decades(plot):
    values = [value for series in plot["series"].values() for value in series if value]
    return bool(values) and max(values) > 12 * min(values)


def draw_bars(axes, plot):
    """Horizontal, so that names can be read; each bar has its figure at its end."""
    servers = list(plot["series"])
    height = 0.8 / len(servers)
    for place, server in enumerate(servers):
        where = [number + (place - (len(servers) - 1) / 2) * height for number in range(len(plot["labels"]))]
        values = plot["series"][server]
        axes.barh(where, [value or 0 for value in values], height * 0.92, color=colour_of(server, place), label=server)
        for at, value in zip(where, values):
            if value:
                axes.annotate(short(value), (value, at), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(range(len(plot["labels"])), plot["labels"])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    if spans_decades(plot):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    axes.margins(x=0.12)
    axes.set_xlabel(plot["unit"])


def draw_lines(axes, plot):
    where = [float(label) for label in plot["labels"]] if plot["numbers"] else list(range(len(plot["labels"])))
    for place, (server, values) in enumerate(plot["series"].items()):
        points = [(x, y) for x, y in zip(where, values) if y]
        axes.plot([x for x, _ in points], [y for _, y in points], color=colour_of(server, place), label=server, marker="o",
                  markersize=4, linewidth=1.6)
        for x, y in points:
            axes.annotate(short(y), (x, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
    if plot["numbers"]:
        axes.set_xscale("log")
    axes.set_xticks(where, plot["titles"])
    axes.minorticks_off()
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    if spans_decades(plot):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    else:
        axes.set_ylim(bottom=0)
    axes.margins(x=0.08, y=0.15)
    axes.set_ylabel(plot["unit"])


def draw(plot):
    size = (7.2, 1.1 + 0.4 * len(plot["labels"])) if plot["kind"] == "bars" else (7.2, 3.2)
    figure, axes = pyplot.subplots(figsize=size, layout="constrained")
    (draw_bars if plot["kind"] == "bars" else draw_lines)(axes, plot)
    axes.set_title(plot["title"])
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(plot["series"]), borderaxespad=0.2)
    figure.savefig(plot["file"], metadata={"Date": None, "Creator": "bench/run"})
    pyplot.close(figure)


def main():
    for plot in json.load(sys.stdin):
        draw(plot)


if __name__ == "__main__":
    main()
