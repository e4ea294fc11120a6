"""Results as tables for people: minimum, median and maximum over the repeats."""

from collections.abc import Callable, Sequence
from typing import Any

from bench import alarm_tables
from bench.figures import EDGES_MS, spread
from bench.targets import figures

BAR = 50
NO_PEERS = "Without peers (BENCH_PEERS): only FreshTrack was measured, so ratios to others are missing."

Results = dict[str, Any]
Repeats = Sequence[dict[str, Any]]


def render(results: Results) -> str:
    """Everything that was measured."""
    parts = {
        "ingest": _ingest,
        "evaluation": _evaluation,
        "memory": _memory,
        "growth": _growth,
        "history": _history,
        "journey": _journey,
        "rush": _rush,
        "pages": _pages,
        "outbox": _outbox,
        "isolation": _isolation,
        "alarms": lambda results: alarm_tables.render(results["alarms"]),
    }
    shown = [show(results) for part, show in parts.items() if part in results]
    return "\n\n".join([_machine(results), *shown, *targets(results)])


def _machine(results: Results) -> str:
    machine = results["machine"]
    postgres = machine["postgres"]
    yardstick = " / ".join(f"{number:.1f}" for number in spread(results["yardstick_ms"]))
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB; "
        f"load average before {machine['load_before']}; fdatasync {machine['fdatasync_ms']} ms\n"
        f"PostgreSQL {postgres['version']}: fsync {postgres['fsync']}, synchronous_commit "
        f"{postgres['synchronous_commit']}, full_page_writes {postgres['full_page_writes']}\n"
        f"A fixed piece of Python at the start of each repeat: {yardstick} ms\n"
        "Cells: minimum / median / maximum over the repeats."
    )


def _ingest(results: Results) -> str:
    head = [
        *("", "readings/s", "p99 ms", "p99 ms at half", "server ms/1000", "PostgreSQL ms/1000", "RSS MB"),
        *("requests a commit", "server", "pg", "client", "others"),
    ]
    shown = []
    for readings, contestants in results["ingest"].items():
        rows = [
            [
                name,
                _cell(repeats, lambda r: r["readings_a_second"]),
                _cell(repeats, lambda r: r["p99_ms"], 1),
                _cell(repeats, lambda r: r["at_half"]["p99_ms"], 1),
                _cell(repeats, lambda r: r["cpu_ms_a_1000"]["server"], 1),
                _cell(repeats, lambda r: r["cpu_ms_a_1000"]["postgres"], 1),
                f"{spread([r['memory_mb'] for r in repeats])[1]:.0f}",
                f"{spread([r['requests_a_commit'] for r in repeats])[1]:.1f}",
                *(
                    f"{spread([r['processors'][who] for r in repeats])[1]:.2f}"
                    for who in ("server", "postgres", "client", "others")
                ),
            ]
            for name, repeats in contestants.items()
        ]
        connections = next(s["connections"] for s in results["sizes"]["shapes"] if s["readings"] == int(readings))
        shown.append(_table(f"Ingest, readings a request: {readings}, connections: {connections}", head, rows))
    return "\n\n".join(shown)


def _evaluation(results: Results) -> str:
    head = [
        *("a request", "readings/s, with rules", "without", "ratio", "CPU ms/1000, with", "without"),
        *("alerts opened", "resolved"),
    ]
    rows = [
        [
            readings,
            *(_cell(repeats, lambda r, name=name: r[name]["readings_a_second"]) for name in ("with", "without")),
            _cell(repeats, lambda r: r["ratio"], 2),
            *(
                _cell(
                    repeats,
                    lambda r, name=name: r[name]["cpu_ms_a_1000"]["server"] + r[name]["cpu_ms_a_1000"]["postgres"],
                    1,
                )
                for name in ("with", "without")
            ),
            *(_cell(repeats, lambda r, name=name: r[name]) for name in ("opened", "resolved")),
        ]
        for readings, repeats in results["evaluation"].items()
    ]
    return _table("Evaluation, the same loads with the default rules and without any, in turn", head, rows)


def _memory(results: Results) -> str:
    memory = results["memory"]
    head = ["", "MB"]
    rows = [
        ["fresh", f"{memory['fresh_mb']:.0f}"],
        [f"{memory['few']} sensors, {len(memory['passes_mb'])} passes", f"{memory['few_mb']:.0f}"],
        *(
            [f"{memory['sensors']} sensors, pass {number}", f"{grown:.0f}"]
            for number, grown in enumerate(memory["passes_mb"], 1)
        ),
    ]
    return _table("Memory (RSS) of one ingest process that judges", head, rows)


def _growth(results: Results) -> str:
    sizes = results["sizes"]
    head = ["a request", "readings/s, small", "readings/s, large", "ratio", "CPU ms/1000, small", "CPU ms/1000, large"]
    rows = [
        [
            readings,
            *(_cell(repeats, lambda r, name=name: r[name]["readings_a_second"]) for name in ("small", "large")),
            _cell(repeats, lambda r: r["ratio"], 2),
            *(
                _cell(
                    repeats,
                    lambda r, name=name: r[name]["cpu_ms_a_1000"]["server"] + r[name]["cpu_ms_a_1000"]["postgres"],
                    1,
                )
                for name in ("small", "large")
            ),
        ]
        for readings, repeats in results["growth"]["loads"].items()
    ]
    filled = results["filled"]
    title = (
        f"Growth, {sizes['small_rows'] / 1e6:g} and {sizes['large_rows'] / 1e6:g} million readings in the table "
        f"(written by PostgreSQL at {filled['rows_a_second']} rows/s; {filled['bytes']['table']} bytes a row and "
        f"{filled['bytes']['key']} of its key)"
    )
    return _table(title, head, rows)


def _history(results: Results) -> str:
    history = results["history"]
    titles = {
        "year": "{year} readings of one sensor as {results} points ({resolution})",
        "year_in_hours": "the same from hours, thinned to {results} points",
        "page": "a page of {results} raw readings",
        "newest": "newest of all sensors: {units} units of a screen",
    }
    rows = [
        [
            title.format(year=results["sizes"]["year"], **history[name][0]),
            _cell([repeat["database"] for repeat in history[name]], lambda r: r["p50_ms"], 2),
            _cell([repeat["database"] for repeat in history[name]], lambda r: r["p99_ms"], 2),
            _cell(history[name], lambda r: r["p50_ms"], 1),
            _cell(history[name], lambda r: r["p99_ms"], 1),
            _cell([repeat[name] for repeat in history["by_hand"]], lambda r: r["p50_ms"], 1)
            if name in history["by_hand"][0]
            else "",
        ]
        for name, title in titles.items()
    ]
    head = ["", "database p50 ms", "p99 ms", "whole answer p50 ms", "p99 ms", "plain SQL on raw rows ms"]
    export, summed = history["export"], history["summed_up"]
    return (
        _table("History, one request at a time", head, rows)
        + f"\n  export of {export[0]['rows']} rows as CSV: {_cell(export, lambda r: r['rows_a_second'])} rows/s, "
        f"the web process grows by {_cell(export, lambda r: r['growth_mb'], 1)} MB"
        f"\n  summed up into hours and days: {summed['readings_a_second']} readings/s, CPU ms/1000: "
        f"{summed['cpu_ms_a_1000']['worker']} in the worker, {summed['cpu_ms_a_1000']['postgres']} in PostgreSQL"
    )


def targets(results: Results) -> list[str]:
    """The ratios beside what they should be, after a word about peers if there were none."""
    rows = [
        [
            figure.name,
            " / ".join(f"{number:.{figure.digits}f}" for number in spread(figure.values)),
            figure.target,
            figure.verdict,
        ]
        for figure in figures(results)
    ]
    if not rows:
        return []
    told = [_table("Ratios and targets, judged by the median", ["", "min / median / max", "target", ""], rows)]
    return told if results.get("peers") or not {"ingest", "outbox"} & results.keys() else [NO_PEERS, *told]


def _journey(results: Results) -> str:
    names = {
        "reading_to_frame": "reading posted -> its frame",
        "reading_to_answer": "reading posted -> its answer",
        "alert_to_frame": "alert posted -> its frame",
    }
    rows = [
        [
            title,
            str(results["journey"][0][name]["count"]),
            _cell([repeat[name] for repeat in results["journey"]], lambda r: r["p50_ms"], 1),
            _cell([repeat[name] for repeat in results["journey"]], lambda r: r["p99_ms"], 1),
        ]
        for name, title in names.items()
    ]
    return _table("Journey, one at a time, one screen", ["", "count", "p50 ms", "p99 ms"], rows)


def _rush(results: Results) -> str:
    repeats = results["rush"]
    names = {
        "opened_frame": "reading posted -> frame of the alert that it opened",
        "opened_answer": "reading posted -> that alert committed, and answered",
        "resolved_frame": "reading posted -> frame of the alert that it resolved",
        "answer": "reading posted -> answered, all of them",
    }
    rows = [
        [
            title,
            str(sum(repeat[name]["count"] for repeat in repeats)),
            *(
                _cell([repeat[name] for repeat in repeats], lambda r, value=value: r[value], 1)
                for value in ("p50_ms", "p90_ms", "p99_ms", "max_ms")
            ),
        ]
        for name, title in names.items()
    ]
    used = ", ".join(
        f"{name} {spread([repeat['processors'][name] for repeat in repeats])[1]:.2f}"
        for name in ("ingest", "web", "worker", "postgres", "everybody")
    )
    every = results["sizes"]["rush_every"]
    title = f"Journey in a rush, {repeats[0]['rate']} requests/s, one in {every} opens or resolves an alert"
    table = _table(title, ["", "count", "p50 ms", "p90 ms", "p99 ms", "max ms"], rows)
    classes = [sum(counts) for counts in zip(*(repeat["opened_frame"]["classes"] for repeat in repeats), strict=True)]
    return f"{table}\n  processors in use: {used}\n\n{_histogram(names['opened_frame'], classes)}"


def _histogram(title: str, classes: Sequence[int]) -> str:
    """A bar for each class, the empty ones at both ends left out."""
    edges = [f"< {edge}" for edge in EDGES_MS] + [f">= {EDGES_MS[-1]}"]
    filled = [number for number, count in enumerate(classes) if count]
    shown = range(filled[0], filled[-1] + 1)
    bars = {number: "#" * round(BAR * classes[number] / max(classes)) for number in shown}
    rows = [[edges[number], str(classes[number]), bars[number].ljust(BAR)] for number in shown]
    return _table(f"{title}, all repeats", ["ms", "count", ""], rows)


def _pages(results: Results) -> str:
    names = {"list_of_units": "list of {results} units", "day_as_chart": "a day of one sensor, {results} points"}
    rows = [
        [
            title.format(**results["pages"][name][0]),
            _cell(results["pages"][name], lambda r: r["p50_ms"], 1),
            _cell(results["pages"][name], lambda r: r["p99_ms"], 1),
            str(results["statements"][name]),
            f"{results['pages'][name][0]['bytes'] / 1024:.0f}",
        ]
        for name, title in names.items()
    ]
    return _table("Pages, one request at a time", ["", "p50 ms", "p99 ms", "SQL statements", "kB"], rows)


def _outbox(results: Results) -> str:
    repeats, slow = results["outbox"]["repeats"], results["outbox"]["slow_provider"]
    names = {"one": "freshtrack, one process", "two": "freshtrack, two processes", "bullmq": "BullMQ, one process"}
    rows = [
        [
            title,
            _cell([repeat[name] for repeat in repeats], lambda r: r.get("messages_a_second", r.get("jobs_a_second"))),
            _cell([repeat[name] for repeat in repeats], _cpu_of_workers, 1),
            _cell([repeat[name] for repeat in repeats], lambda r: r["cpu_ms_a_1000"]["postgres"], 1)
            if name != "bullmq"
            else "",
            f"{spread([repeat[name]['hot'] for repeat in repeats])[1]:.0%}" if name != "bullmq" else "",
        ]
        for name, title in names.items()
        if repeats[0][name]
    ]
    head = ["", "messages/s", "worker ms/1000", "PostgreSQL ms/1000", "no index touched"]
    lone = [
        [title, str(repeats[0][name]["count"]), *(_cell([r[name] for r in repeats], _of(q), 1) for q in ("p50", "p99"))]
        for name, title in {
            "urgent": "commit -> the channel is called",
            "beside_bulk": f"the same while {results['sizes']['bulk_jobs']} bulk messages and jobs wait"
            f" ({min(repeat['beside_bulk']['still_waiting'] for repeat in repeats)} still did afterwards)",
        }.items()
    ]
    ideal = slow["promised"] * 0.05 / 8
    return (
        _table(f"Outbox, {results['sizes']['promised']} promised messages to a channel that says yes", head, rows)
        + "\n\n"
        + _table("Urgent messages, one at a time", ["", "count", "p50 ms", "p99 ms"], lone)
        + f"\n  {slow['promised']} e-mails to a server that thinks for 50 ms, over 8 connections: {slow['seconds']} s "
        f"({ideal:.1f} s would be the least), {slow['taken']} arrived under {slow['ids']} ids, the workers held "
        f"{slow['memory_mb']} MB"
    )


def _cpu_of_workers(got: dict[str, Any]) -> float:
    cpu = got["cpu_ms_a_1000"]
    return float(cpu["worker"] if isinstance(cpu, dict) else cpu)


def _of(quantile: str) -> Callable[[dict[str, Any]], float]:
    return lambda got: float(got[f"{quantile}_ms"])


def _isolation(results: Results) -> str:
    names = {"list_of_units": "list of {rows} units", "list_of_alerts": "list of {rows} alerts", "search": "search"}
    rows = []
    for name, title in names.items():
        for kind in ("queries", "requests"):
            repeats = [repeat[name][kind] for repeat in results["isolation"]]
            row = [f"{title.format(**repeats[0])}, {kind}"]
            for value in ("walled_ms", "bare_ms", "ratio", "ratio_of_least"):
                row.append(_cell(repeats, lambda r, value=value: r[value], 2))  # type: ignore[misc]
            rows.append(row)
    sizes = results["sizes"]
    title = f"The price of isolation, {sizes['organizations']} organizations of {sizes['units_each']} units"
    return _table(title, ["", "with walls, ms", "without, ms", "ratio", "ratio of the least"], rows)


def _cell(repeats: Repeats, value: Callable[[dict[str, Any]], float], digits: int = 0) -> str:
    return " / ".join(f"{number:.{digits}f}" for number in spread([value(repeat) for repeat in repeats]))


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [head, ["-" * width for width in widths], *rows]
    ]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])
