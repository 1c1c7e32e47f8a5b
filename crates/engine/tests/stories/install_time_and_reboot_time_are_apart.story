Servers are patched on Monday nights and rebooted on Sundays. The window of Sunday is for reboots
alone: what a person approves without naming a window does not begin in it.

--- policy
[[window]]
name = "monday night"
zone = "UTC"
start = "22:00"
duration = "2h"
days = ["mon"]

[[window]]
name = "sunday reboots"
zone = "UTC"
start = "05:00"
duration = "1h"
days = ["sun"]
opens_for = "reboots"

[[reboot]]
name = "on sundays"
when = "needed"
window = "sunday reboots"

[[decision]]
verdict = "approve"
patches = ""
reason = "tested"
--- fleet
{"v": 1, "devices": [{"id": "web1", "client": "acme", "zone": "UTC", "findings": [{"patch": "p"}]}]}
--- story
# A Sunday, in the window for reboots.
at 2026-03-01T05:30:00Z
web1 p: later 2026-03-02T22:00:00Z gate window
at 2026-03-02T22:00:00Z
web1 p: now
--- policy
[[window]]
name = "sunday reboots"
zone = "UTC"
start = "05:00"
duration = "1h"
days = ["sun"]
opens_for = "reboots"

[[decision]]
verdict = "approve"
patches = ""
reason = "tested"
--- story
# Nothing else covers the device.
at 2026-03-01T05:30:00Z
web1 p: never gate window
    says no change window covers this device
