Thirty days of delay, and a new cumulative update every month: the clock belongs to the fix, so each
fix ripens although its first update is replaced before that.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[rule]]
name = "slow"
owner = "Ada"
patches = "class:roll-up"
action = "approve"
after = "30d"
why = "others find the faults"
--- fleet
{"v": 1, "devices": [
  {"id": "pc1", "client": "acme", "zone": "UTC", "findings": [
    {"patch": "kb-march", "fix": "CVE-2026-0001", "classification": "roll-up", "released_at": "2026-03-10T00:00:00Z", "superseded_by": "kb-april"},
    {"patch": "kb-april", "fix": "CVE-2026-0001", "classification": "roll-up", "released_at": "2026-04-14T00:00:00Z"}]},
  {"id": "pc2", "client": "acme", "zone": "UTC", "findings": [
    {"patch": "kb-april", "fix": "CVE-2026-0001", "classification": "roll-up", "released_at": "2026-04-14T00:00:00Z"},
    {"patch": "kb-other", "fix": "CVE-2026-0002", "classification": "roll-up", "released_at": "2026-04-14T00:00:00Z"},
    {"patch": "kb-undated", "fix": "CVE-2026-0003", "classification": "roll-up", "first_seen_at": "2026-04-01T00:00:00Z"},
    {"patch": "kb-nothing", "fix": "CVE-2026-0004", "classification": "roll-up"}]}]}
--- story
at 2026-04-15T00:00:00Z
# The clock began in March, on another device.
pc2 kb-april: now
pc1 kb-april: now
pc1 kb-march: never gate applicable
    says kb-april replaces it
# A fix of its own has a clock of its own.
pc2 kb-other: later 2026-05-14T00:00:00Z gate delay
# Without a release the first sight counts, and the reason says so.
pc2 kb-undated: later 2026-05-01T00:00:00Z gate delay
    says because its release date is not known
pc2 kb-nothing: never gate delay
    says whoever may approve it by a decision can change that
