A freeze is added while the window is open: who has not begun waits. An exploited fault jumps the
delay, never the freeze.

--- policy
[[window]]
name = "night"
zone = "Europe/Berlin"
start = "22:00"
duration = "4h"
days = ["mon"]

[[rule]]
name = "slow"
owner = "Ada"
patches = ""
action = "approve"
after = "7d"
kev_after = "0d"
why = "others find the faults"
--- fleet
{"v": 1, "devices": [{"id": "web1", "client": "acme", "zone": "Europe/Berlin", "findings": [
  {"patch": "p", "kev": false, "released_at": "2026-03-01T00:00:00Z"},
  {"patch": "exploited", "kev": true, "released_at": "2026-03-01T00:00:00Z"}]}]}
--- story
at 2026-03-02T22:00:00Z
web1 p: later 2026-03-09T21:00:00Z gate delay
web1 exploited: now
--- policy
[[window]]
name = "night"
zone = "Europe/Berlin"
start = "22:00"
duration = "4h"
days = ["mon"]

[[freeze]]
name = "launch"
zone = "Europe/Berlin"
from = "2026-03-02T22:30"
until = "2026-03-03T01:00"
reason = "the new shop opens"

[[rule]]
name = "slow"
owner = "Ada"
patches = ""
action = "approve"
after = "7d"
kev_after = "0d"
why = "others find the faults"
--- story
web1 exploited: later 2026-03-03T00:00:00Z gate frozen
    says frozen until 3 March 2026 at 01:00 (Europe/Berlin) by launch (the new shop opens)
at 2026-03-03T00:00:00Z
web1 exploited: now
