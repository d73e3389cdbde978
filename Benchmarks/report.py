"""What `Benchmarks/peers` makes of its figures: medians, the table, the bars of the project, the machine's noise.

Pure: it is given {work: {server: [figures of each round]}}, where figures are {name: number}.
"""
import statistics

OURS, OURS_RING, THEIRS, FLOOR = "stund", "stund, io_uring", "coturn", "floor"

# Works that have a bar of CPU against coturn's, and what the bar is called.
STREAM_WORKS = {
    "tcp-calls": "TCP clients, 100 calls x 50/s", "tcp-saturated": "TCP clients, saturated",
    "tls-calls": "TLS clients, 100 calls x 50/s", "tls-saturated": "TLS clients, saturated",
}

# Figures of a round: what they are called, decimals.
COLUMNS = {
    "us": ("CPU us each", 2),
    "rate": ("a second", 0),
    "p50": ("p50 ms", 3),
    "p99": ("p99 ms", 3),
    "lost": ("% lost", 3),
    "share": ("% to peers", 1),
    "bytes": ("bytes each", 0),
    "grown": ("kB more", 0),
}


def values(found, work, server, figure):
    """The figure of each round in which it was measured."""
    return [r[figure] for r in found.get(work, {}).get(server, []) if r.get(figure) is not None]


def median(found, work, server, figure):
    """The median of all rounds; None when it was not measured."""
    list_ = values(found, work, server, figure)
    return statistics.median(list_) if list_ else None


def ratio(found, work, server, figure="us", base=THEIRS):
    """Our median by theirs; None when either is missing or theirs is nothing."""
    ours, theirs = median(found, work, server, figure), median(found, work, base, figure)
    return None if ours is None or not theirs else ours / theirs


def cell(list_, places, spread=True):
    """A median, with the least and the largest of the rounds when there were several."""
    if not list_:
        return ""
    text = f"{statistics.median(list_):,.{places}f}"
    return f"{text} ({min(list_):,.{places}f}-{max(list_):,.{places}f})" if spread and len(list_) > 1 else text


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(found, titles):
    """The works, a row for each server: medians with min-max, and the ratio of CPU to coturn's."""
    shown = [key for key in COLUMNS if any(values(found, w, s, key) for w in found for s in found[w])]
    heads = ["work", "server"] + [COLUMNS[key][0] + (" (min-max)" if key == "us" else "") for key in shown] + [": coturn"]
    lines = [row(heads), row(["---"] * len(heads))]
    for work, servers in found.items():
        for server in servers:
            cells = [titles.get(work, work), server]
            cells += [cell(values(found, work, server, key), COLUMNS[key][1], key == "us") for key in shown]
            by = ratio(found, work, server)
            lines.append(row(cells + ["" if by is None or server == THEIRS else f"{by:.2f}"]))
    return "\n".join(lines)


class Bar:
    """What a figure must be at most (or at least)."""

    def __init__(self, text, value, limit, places=2, at_least=False):
        self.text, self.value, self.limit, self.places, self.at_least = text, value, limit, places, at_least

    @property
    def is_met(self):
        """None when it was not measured."""
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self):
        word = {None: "not measured", True: "met", False: "NOT MET"}[self.is_met]
        show = lambda number: "" if number is None else f"{number:,.{self.places}f}"  # noqa: E731
        return [self.text, f"{'at least' if self.at_least else 'at most'} {show(self.limit)}", show(self.value), word]


def difference(found, work, figure):
    """How much larger our median is than theirs."""
    ours, theirs = median(found, work, OURS, figure), median(found, work, THEIRS, figure)
    return None if ours is None or theirs is None else ours - theirs


def worst_share(found, server):
    """How far the share of either direction is from a half, at worst, in points."""
    list_ = values(found, "saturated", server, "share")
    return max(abs(share - 50) for share in list_) if list_ else None


def worst(found, work, figure, server=OURS):
    """The largest of all rounds."""
    list_ = values(found, work, server, figure)
    return max(list_) if list_ else None


def bars(found):
    """The bars of issues 6 and 7."""
    list_ = [
        Bar("100 calls x 50/s: CPU by coturn's", ratio(found, "calls-100", OURS), 0.40),
        Bar("100 calls x 50/s: p50 more than coturn's, ms", difference(found, "calls-100", "p50"), 0.4),
        Bar("100 calls x 50/s: p99, ms", median(found, "calls-100", OURS, "p99"),
            median(found, "calls-100", THEIRS, "p99")),
        Bar("1,000 calls x 20/s: CPU by coturn's", ratio(found, "calls-1000-20", OURS), 0.55),
        Bar("saturated, epoll: CPU by coturn's", ratio(found, "saturated", OURS), 0.83),
        Bar("saturated, io_uring: CPU by coturn's", ratio(found, "saturated", OURS_RING), 0.68),
        Bar("saturated, epoll: a direction's share off 50 %, worst round", worst_share(found, OURS), 5, 1),
        Bar("saturated, io_uring: a direction's share off 50 %, worst round", worst_share(found, OURS_RING), 5, 1),
        Bar("trains: CPU by coturn's", ratio(found, "trains", OURS), 0.15),
        Bar("trains: packets a second of one core's CPU", per_core(found, "trains"), 1_000_000, 0, at_least=True),
        Bar("Binding: CPU by coturn's", ratio(found, "binding", OURS), 0.50),
        Bar("allocation: CPU by coturn's", ratio(found, "allocate", OURS), 0.25),
        Bar("allocation: bytes of process memory", median(found, "allocate", OURS, "bytes"), 2048, 0),
        *[Bar(f"{title}: CPU by coturn's", ratio(found, work, OURS), 0.90) for work, title in STREAM_WORKS.items()],
        Bar("10,000 idle TLS connections: bytes of process memory each", median(found, "tls-idle", OURS, "bytes"), 40_000, 0),
        Bar("19,000 allocations: refused, worst round", worst(found, "many", "refused"), 0, 0),
        Bar("19,000 allocations: packets lost, worst round", worst(found, "many", "lost_count"), 0, 0),
        Bar("19,000 allocations: receive-buffer errors, worst round", worst(found, "many", "buffer_errors"), 0, 0),
        Bar("calls of the allocator, over a million packets against a thousand", worst(found, "mallocs", "calls"), 100, 0),
    ]
    return list_ + flood_bars(found)


def per_core(found, work):
    """Packets a second that one core's CPU time is enough for."""
    us = median(found, work, OURS, "us")
    return 1e6 / us if us else None


def flood_bars(found):
    """Calls beside floods, against the same calls alone."""
    alone, list_ = median(found, "flood-none", OURS, "p99"), []
    for work in found:
        if not work.startswith("flood-") or work == "flood-none":
            continue
        kind, p99 = work.removeprefix("flood-"), median(found, work, OURS, "p99")
        times = None if p99 is None or not alone else p99 / alone
        list_ += [
            Bar(f"flood of {kind}: % of the calls' packets lost", median(found, work, OURS, "lost"), 0.1, 3),
            Bar(f"flood of {kind}: the calls' p99, times that of no flood", times, 2),
        ]
        # Connections are held, within their limits; datagrams leave nothing.
        if kind not in ("slow", "handshakes"):
            list_.append(Bar(f"flood of {kind}: growth of memory, kB, worst round", worst(found, work, "grown"), 1024, 0))
    return list_


def bars_table(list_):
    heads = ["bar", "limit", "found", ""]
    return "\n".join([row(heads), row(["---"] * 4)] + [row(bar.cells()) for bar in list_])


def spread(list_):
    """The range of the rounds, in percent of their median."""
    return 100 * (max(list_) - min(list_)) / statistics.median(list_) if list_ and statistics.median(list_) else 0.0


def noise(found):
    """Lines about what else the machine did, and whether to trust the figures."""
    all_of = lambda key: [n for w in found for s in found[w] for n in values(found, w, s, key)]  # noqa: E731
    other, steal = all_of("other"), all_of("steal")
    control = values(found, "binding", FLOOR, "us")
    lines, doubts = [], []
    if other:
        lines.append(f"CPU of other programs: median {statistics.median(other):.2f}, most {max(other):.2f} cores")
        if statistics.median(other) > 0.1 or max(other) > 0.4:
            doubts.append("other programs ran")
    if steal:
        lines.append(f"CPU taken by the host of this virtual machine: median {statistics.median(steal):.3f}, most "
                     f"{max(steal):.3f} cores")
        if max(steal) > 0.05:
            doubts.append("the host took CPU")
    if control:
        lines.append(f"control (the same bare loop in C, each round): {cell(control, 2)} us, spread {spread(control):.0f} %")
        if len(control) > 1 and spread(control) > 15:
            doubts.append("the same work did not cost the same in each round")
    spreads = [spread(values(found, w, s, "us")) for w in found for s in found[w] if len(values(found, w, s, "us")) > 1]
    if spreads:
        lines.append(f"spread of a figure over its rounds: median {statistics.median(spreads):.0f} %, most "
                     f"{max(spreads):.0f} %")
    limited = [f"{w} ({s})" for w in found for s in found[w] if (median(found, w, s, "load") or 0) > 0.95]
    if limited:
        lines.append("the load took its whole processor, so the rate is the load's own (CPU for each stays true): "
                     + ", ".join(limited))
    lines.append("noisy: " + "; ".join(doubts) + ". Compare nothing but ratios, or run it again on a quiet machine."
                 if doubts else "quiet: nothing of this makes the ratios doubtful.")
    return lines
