Somebody removes an update by hand. It is missing again, and the approval that stands brings it back:
a decision is about patches and devices, not about one installation. A hold stops that, and a new
approval for the device opens it again.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
name = "everywhere"
verdict = "approve"
patches = "patch:kb5034441"
for = "client:acme"
reason = "tested"
--- fleet
{"v": 1, "devices": [{"id": "pc1", "client": "acme", "zone": "UTC", "findings": [{"patch": "kb5034441", "state": "fixed"}]}]}
--- story
at 2026-03-02T09:00:00Z
pc1 kb5034441: never gate applicable
    says it is fixed
--- fleet
{"v": 1, "devices": [{"id": "pc1", "client": "acme", "zone": "UTC", "findings": [{"patch": "kb5034441", "state": "missing"}]}]}
--- story
# Removed by hand: the next scan says so, and what was approved is approved.
at 2026-03-03T09:00:00Z
pc1 kb5034441: now
    says approved by the decision everywhere
--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
name = "everywhere"
verdict = "approve"
patches = "patch:kb5034441"
for = "client:acme"
reason = "tested"

[[decision]]
name = "leave it out"
verdict = "hold"
patches = "patch:kb5034441"
for = "device:pc1 client:acme"
level = "group"
reason = "removed by hand, and nobody knows why yet"
--- story
pc1 kb5034441: never gate decided
    says put on hold by the decision leave it out for the group (removed by hand
--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
name = "leave it out"
verdict = "hold"
patches = "patch:kb5034441"
for = "device:pc1 client:acme"
level = "group"
reason = "removed by hand, and nobody knows why yet"

[[decision]]
name = "again"
verdict = "approve"
patches = "patch:kb5034441"
for = "device:pc1"
reason = "it was removed by mistake"
--- story
pc1 kb5034441: now
    says approved by the decision again for the device (it was removed by mistake); this goes before hold by leave it out for the group
