A device is taken out of everything. It is not changed at once, as elsewhere, but never; and a person's
approval for the device itself does not help.

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
for = "device:web1"
reason = "tested"
--- fleet
{"v": 1, "devices": [{"id": "web1", "client": "acme", "zone": "UTC", "findings": [{"patch": "p"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 p: later 2026-03-02T22:00:00Z gate window
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
for = "device:web1"
reason = "tested"

[[exclude]]
name = "left alone"
for = "client:acme"
reason = "the client does it"
--- story
web1 p: never gate decided
    says the exclusion left alone keeps the device out (the client does it)
at 2026-03-02T23:00:00Z
web1 p: never gate decided
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
for = "device:web1"
reason = "tested"

[[exclude]]
name = "left alone"
for = "client:acme"
reason = "the client does it"
until = "2026-03-05T00:00:00Z"
--- story
# An exclusion with an end is no date for a patch either: it is asked again when it is over.
at 2026-03-04T23:59:59Z
web1 p: never gate decided
    says until 5 March 2026 at 00:00
at 2026-03-05T00:00:00Z
web1 p: later 2026-03-09T22:00:00Z gate window
