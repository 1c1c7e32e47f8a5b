The 31st, 29 February, the hour that does not exist and the hour that comes twice: what is printed
is what the evaluator does.

--- policy
[[window]]
name = "month end"
zone = "UTC"
start = "20:00"
duration = "4h"
month_day = 31

[[window]]
name = "leap"
for = "tag:leap"
zone = "UTC"
start = "12:00"
duration = "1h"
dates = ["2028-02-29"]

[[window]]
name = "gap"
for = "tag:berlin"
zone = "Europe/Berlin"
start = "02:30"
duration = "2h"
dates = ["2026-03-29", "2026-10-25"]

[[window]]
name = "twenty-ninth"
for = "tag:leap"
zone = "Europe/Berlin"
start = "22:00"
duration = "3h"
month_day = 29

[[decision]]
verdict = "approve"
patches = ""
reason = "tested"
--- fleet
{"v": 1, "devices": [
  {"id": "a", "client": "acme", "zone": "UTC", "findings": [{"patch": "p"}]},
  {"id": "b", "client": "acme", "zone": "UTC", "tags": ["berlin"], "findings": [{"patch": "p"}]},
  {"id": "c", "client": "acme", "zone": "UTC", "tags": ["leap"], "findings": [{"patch": "p"}]}]}
--- story
at 2026-02-01T00:00:00Z
month end opens 2026-03-31T20:00:00Z, 2026-05-31T20:00:00Z, 2026-07-31T20:00:00Z
a p: later 2026-03-31T20:00:00Z gate window
at 2026-04-01T00:00:00Z
a p: later 2026-05-31T20:00:00Z gate window
at 2026-03-20T00:00:00Z
leap opens 2028-02-29T12:00:00Z
# 02:30 does not exist on 29 March: 03:00 in summer time, which is 01:00 in UTC.
gap opens 2026-03-29T01:00:00Z, 2026-10-25T00:30:00Z
b p: later 2026-03-29T01:00:00Z gate window
at 2026-03-29T02:59:59Z
b p: now
at 2026-03-29T03:00:00Z
b p: later 2026-03-31T20:00:00Z gate window
# 02:30 comes twice on 25 October: the first.
at 2026-10-25T00:00:00Z
b p: later 2026-10-25T00:30:00Z gate window
# 02:30 comes twice on 25 October: the first time counts, and two hours are two hours.
at 2026-10-25T00:29:59Z
b p: later 2026-10-25T00:30:00Z gate window
at 2026-10-25T00:30:00Z
b p: now
at 2026-10-25T02:29:59Z
b p: now
at 2026-10-25T02:30:00Z
b p: later 2026-10-31T20:00:00Z gate window
# February has a 29th only in leap years, and an opening runs into March.
at 2027-01-31T00:00:00Z
twenty-ninth opens 2027-03-29T20:00:00Z, 2027-04-29T20:00:00Z
at 2028-02-29T21:00:00Z
twenty-ninth opens 2028-02-29T21:00:00Z, 2028-03-29T20:00:00Z
c p: now
at 2028-02-29T23:59:59Z
c p: now
at 2028-03-01T00:00:00Z
c p: later 2028-03-29T20:00:00Z gate window
