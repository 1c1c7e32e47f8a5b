A laptop is off during its window and comes back on Wednesday at 08:40 in Berlin. It may be changed
for two hours, not at working hours, and is never rebooted in them: reboots wait for the next window.

--- policy
[[window]]
name = "night"
for = "tag:laptop"
zone = "device"
start = "03:00"
duration = "2h"
days = ["wed"]
catch_up = { within = "2h", not = "09:00-17:00", expires = "3d" }

[[rule]]
name = "security"
owner = "Ada"
patches = "class:security"
action = "approve"
why = "security comes first"

[[reboot]]
name = "laptops"
for = "tag:laptop"
when = "needed"
window = "night"
--- fleet
{"v": 1, "devices": [{"id": "lap1", "client": "acme", "site": "berlin", "zone": "Europe/Berlin", "tags": ["laptop"],
  "contacts": [["2026-03-02T07:00:00Z", "2026-03-03T16:00:00Z"], ["2026-03-04T07:40:00Z", null]],
  "findings": [{"patch": "openssl-3.0.17", "classification": "security", "released_at": "2026-03-01T00:00:00Z"}]},
 {"id": "lap2", "client": "acme", "site": "berlin", "zone": "Europe/Berlin", "tags": ["laptop"],
  "contacts": [["2026-03-02T07:00:00Z", "2026-03-03T16:00:00Z"], ["2026-03-04T16:30:00Z", null]],
  "findings": [{"patch": "openssl-3.0.17", "classification": "security", "released_at": "2026-03-01T00:00:00Z"}]},
 {"id": "lap3", "client": "acme", "site": "berlin", "zone": "Europe/Berlin", "tags": ["laptop"],
  "contacts": [["2026-03-02T07:00:00Z", "2026-03-03T16:00:00Z"], ["2026-03-07T05:00:00Z", null]],
  "findings": [{"patch": "openssl-3.0.17", "classification": "security", "released_at": "2026-03-01T00:00:00Z"}]}]}
--- story
# Tuesday, in contact: it waits for the window.
at 2026-03-03T10:00:00Z
lap1 openssl-3.0.17: later 2026-03-04T02:00:00Z gate window
# Off in the window itself.
at 2026-03-04T03:00:00Z
lap1 openssl-3.0.17: never gate reachable
# Back at 08:40: twenty minutes are left before work begins.
at 2026-03-04T07:40:00Z
lap1 openssl-3.0.17: now
at 2026-03-04T07:59:59Z
lap1 openssl-3.0.17: now
# At work nothing happens, and two hours after the contact it is over.
at 2026-03-04T08:00:00Z
lap1 openssl-3.0.17: later 2026-03-11T02:00:00Z gate window
lap1 reboots by laptops at 2026-03-11T02:00:00Z
# Another one is back after work, at 17:30: it has its two hours, and not a second more.
at 2026-03-04T16:30:00Z
lap2 openssl-3.0.17: now
at 2026-03-04T18:29:59Z
lap2 openssl-3.0.17: now
at 2026-03-04T18:30:00Z
lap2 openssl-3.0.17: later 2026-03-11T02:00:00Z gate window
# A third is back three days and one hour after the window: its chance has expired.
at 2026-03-07T05:00:00Z
lap3 openssl-3.0.17: later 2026-03-11T02:00:00Z gate window
