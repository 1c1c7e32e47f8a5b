A server that was off before the window and all through it has done nothing wrong: its next turn is the
next opening. One that is lost in the window stops there, and goes on when it is back in time.

--- policy
[[window]]
name = "night"
zone = "UTC"
start = "22:00"
duration = "2h"
days = ["mon"]

[[decision]]
verdict = "approve"
patches = ""
reason = "tested"
--- fleet
{"v": 1, "devices": [
  {"id": "off", "client": "acme", "zone": "UTC", "contacts": [["2026-03-01T00:00:00Z", "2026-03-02T12:00:00Z"]], "findings": [{"patch": "p"}]},
  {"id": "lost", "client": "acme", "zone": "UTC", "contacts": [["2026-03-01T00:00:00Z", "2026-03-02T22:20:00Z"], ["2026-03-02T23:30:00Z", null]], "findings": [{"patch": "p"}]}]}
--- story
at 2026-03-02T13:00:00Z
off p: later 2026-03-02T22:00:00Z gate window
at 2026-03-02T22:10:00Z
off p: never gate reachable
    says the device is out of contact
lost p: now
at 2026-03-02T22:20:00Z
lost p: never gate reachable
at 2026-03-02T23:30:00Z
lost p: now
# After the window nothing is overdue: the next opening is the next turn.
at 2026-03-03T00:00:00Z
off p: later 2026-03-09T22:00:00Z gate window
lost p: later 2026-03-09T22:00:00Z gate window
