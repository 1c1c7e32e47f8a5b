A rule and a window for the workstations of a client, and a decision at the client: servers are not
touched, because nothing covers them certainly.

--- policy
[[window]]
name = "workstations"
for = "client:acme -tag:server"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[rule]]
name = "workstations"
owner = "Ada"
patches = ""
for = "client:acme -tag:server"
action = "approve"
why = "practice"

[[decision]]
verdict = "deny"
patches = "class:driver"
for = "client:acme"
reason = "drivers never"
--- fleet
{"v": 1, "devices": [
  {"id": "pc1", "client": "acme", "zone": "UTC", "tags": ["office"], "findings": [{"patch": "p", "classification": "security"}, {"patch": "d", "classification": "driver"}, {"patch": "u"}]},
  {"id": "dc1", "client": "acme", "zone": "UTC", "tags": ["server"], "findings": [{"patch": "p", "classification": "security"}]},
  {"id": "pc9", "client": "bolt", "zone": "UTC", "findings": [{"patch": "p", "classification": "security"}]}]}
--- story
at 2026-03-02T09:00:00Z
pc1 p: now
pc1 d: never gate decided
    says denied by
# Whether it is a driver is not known: a deny also stops what it perhaps covers.
pc1 u: never gate decided
    says whether that covers it is not known yet
dc1 p: never gate decided
pc9 p: never gate decided
