Rings that nobody is in promise nothing: a device in no ring waits for whoever keeps the ring set, and
later rings wait for their time.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[rings]]
name = "servers"
for = "tag:server"
ring = [{ name = "test", devices = "tag:test", soak = "2d" }, { name = "pilot", devices = "tag:pilot", soak = "5d" }, { name = "rest", devices = "tag:production", soak = "0d" }]

[[rule]]
name = "all"
owner = "Ada"
patches = ""
action = "approve"
after = "1d"
why = "practice"
--- fleet
{"v": 1, "devices": [
  {"id": "t", "client": "acme", "zone": "UTC", "tags": ["server", "test"], "findings": [{"patch": "p", "released_at": "2026-03-01T00:00:00Z"}]},
  {"id": "r", "client": "acme", "zone": "UTC", "tags": ["server", "production"], "findings": [{"patch": "p", "released_at": "2026-03-01T00:00:00Z"}]},
  {"id": "n", "client": "acme", "zone": "UTC", "tags": ["server"], "findings": [{"patch": "p", "released_at": "2026-03-01T00:00:00Z"}]},
  {"id": "w", "client": "acme", "zone": "UTC", "tags": ["workstation"], "findings": [{"patch": "p", "released_at": "2026-03-01T00:00:00Z"}]}]}
--- story
at 2026-03-02T00:00:00Z
t p: now
r p: later 2026-03-09T00:00:00Z gate ring
n p: never gate ring
    says whoever keeps the ring set servers can change that
w p: now
