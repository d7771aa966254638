"""What a scenario expects, judged by what real nodes said of each other.

The simulator's judge sees every input of every node; here there are only the nodes' own words. Two are
connected while both say so; the one that was killed says nothing. What a node that
has moved said before does not count: it says something new, or a ping is answered.
"""
from scenario import seconds

ANY = ("relayed", "direct")


class Judge:
    """of: a Play that has run until `until` (seconds of the scenario)."""

    def __init__(self, play, until):
        self.play, self.until = play, until

    # ---- what was the case when ----

    def moment(self, at):
        """Time of the scenario."""
        return at - self.play.started

    def changes(self, a, b):
        """[(time, what a says of b)]: relayed, direct, gone (in which it begins), or stopped."""
        return [(0.0, "gone")] + [(self.moment(at), way) for at, way in self.play.changes(a, b)]

    def history(self, a, b):
        """[(time, connected by, both run)] of two nodes, one entry a change of either."""
        sides = [self.changes(a, b), self.changes(b, a)]
        made = []
        for at in sorted({at for side in sides for at, _ in side}):
            said = [[way for when, way in side if when <= at][-1] for side in sides]
            by = "direct" if said == ["direct"] * 2 else "relayed" if set(said) <= set(ANY) else None
            made.append((at, by, "stopped" not in said))
        return made

    def first(self, a, b, ways, since):
        """When both said one of these ways at `since` or later; None: never."""
        history = self.history(a, b)
        for (at, by, _), (after, *_) in zip(history, history[1:] + [(float("inf"), None, None)]):
            if by in ways and after > since:
                return max(at, since)
        return None

    def apart(self, a, b, since):
        """The longest time that two running nodes were not connected."""
        longest, began = 0.0, since
        for at, by, run in self.history(a, b) + [(self.until, None, True)]:
            if began is not None:
                longest = max(longest, max(at, since) - began)
            is_apart = by is None and run
            began = None if not is_apart else began if began is not None else max(at, since)
        return longest

    # ---- properties ----

    def since(self, e, pair):
        """From when `within` counts: `after`, or the connect."""
        if "after" in e:
            return seconds(e["after"])
        asked = [c["at"] for c in self.play.s.events if c.get("connect") == pair]
        return asked[-1] if asked else 0.0

    def is_due(self, e):
        """Whether the time that was played is enough to say so."""
        if "delivered" in e:
            return all(at + seconds(e["within"]) <= self.until for at in self.sent(e["delivered"]))
        if "within" not in e or "together" in e:
            return "together" not in e or self.since(e, e["together"]) < self.until
        pair = e.get("connected") or {"from": e.get("from"), "to": e.get("to")}
        return self.since(e, pair) + seconds(e["within"]) <= self.until

    def judge(self, e):
        """(whether it holds, what was seen)"""
        if "connected" in e:
            return self.came(e, e["connected"], ANY)
        if "path" in e:
            return self.came(e, {"from": e["from"], "to": e["to"]},
                             ["direct"] if e["path"] == "direct" else ["relayed"])
        if "together" in e:
            pair = e["together"]
            longest = self.apart(pair["from"], pair["to"], self.since(e, pair))
            return longest <= seconds(e["within"]), f"apart for {longest:.2f} s at most"
        if "delivered" in e:
            return self.delivered(e)
        if "says" in e:
            return self.says(e)
        if e["never"] == "direct":
            at = self.first(e["from"], e["to"], ["direct"], 0.0)
            return at is None, "never direct" if at is None else f"direct at {at:.2f} s"
        return self.strangers()

    def came(self, e, pair, ways):
        since = self.since(e, pair)
        at = self.first(pair["from"], pair["to"], ways, since)
        if at is None:
            return False, "it never was"
        return at - since <= seconds(e["within"]), f"after {at - since:.2f} s"

    def sent(self, pair):
        """When streams from one to the other begin."""
        return [e["at"] for e in self.play.s.events
                if "stream" in e and (e["stream"]["from"], e["stream"]["to"]) == (pair["from"], pair["to"])]

    def delivered(self, e):
        nodes = self.play.nodes[e["delivered"]["from"]], self.play.nodes[e["delivered"]["to"]]
        took = [copy.took for copy in self.play.copies if (copy.a, copy.b) == nodes]
        if len(took) < len(self.sent(e["delivered"])) or None in took:
            return False, f"took, of each: {took}"
        return max(took) <= seconds(e["within"]), f"the slowest of {len(took)} took {max(took):.2f} s"

    def says(self, e):
        since = seconds(e.get("after", "0s"))
        at = self.play.nodes[e["node"]].said(e["says"].replace("_", " "), self.play.started + since)
        if at is None:
            return False, "it never said so"
        took = self.moment(at) - since
        return took <= seconds(e["within"]), f"after {took:.2f} s"

    def strangers(self):
        """Nobody says that it has somebody whom it does not trust, or takes a stream of theirs."""
        for name, node in self.play.nodes.items():
            for other in set(self.play.nodes) - {name} - set(self.play.s.trusted(name)):
                if any(copy.took is not None for copy in self.play.copies
                       if (copy.a, copy.b) == (self.play.nodes[other], node)):
                    return False, f"{name} took a stream of {other}'s"
                for at, way in node.paths(self.play.nodes[other]):
                    if way in ANY:
                        return False, f"{name} has {other} at {self.moment(at):.2f} s"
        return True, "nobody"
