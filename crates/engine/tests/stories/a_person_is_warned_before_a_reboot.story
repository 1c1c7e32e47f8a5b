Warnings 60, 15 and 5 minutes before a reboot. Whoever learns of it late is told at once, and nobody is
rebooted without a warning; servers wait for nobody.

--- policy
[[window]]
name = "evening"
zone = "UTC"
start = "22:00"
duration = "1h"
days = ["mon", "tue"]

[[reboot]]
name = "people"
for = "tag:office"
when = "needed"
warn = ["5m", "60m", "15m"]
defer = { times = 4, step = "1h" }
deadline = "1d"

[[reboot]]
name = "servers"
for = "tag:server"
when = "needed"
--- fleet
{"v": 1, "devices": [
  {"id": "pc1", "client": "acme", "zone": "UTC", "tags": ["office"]},
  {"id": "db1", "client": "acme", "zone": "UTC", "tags": ["server"]}]}
--- story
at 2026-03-02T20:30:00Z
pc1 is warned at 2026-03-02T21:00:00Z, 2026-03-02T21:45:00Z, 2026-03-02T21:55:00Z and reboots at 2026-03-02T22:00:00Z
db1 is warned at no time and reboots at 2026-03-02T22:00:00Z
# Five minutes before: the 60 and the 15 are over, and the person is told all the same.
at 2026-03-02T21:55:00Z
pc1 is warned at 2026-03-02T21:55:00Z and reboots at 2026-03-02T22:00:00Z
# In the window: told at once, and the last five minutes are given.
at 2026-03-02T22:10:00Z
pc1 is warned at 2026-03-02T22:10:00Z and reboots at 2026-03-02T22:15:00Z
db1 is warned at no time and reboots at 2026-03-02T22:10:00Z
# Three minutes before its end the window is too short for a warning.
at 2026-03-02T22:57:00Z
pc1 is warned at 2026-03-03T21:00:00Z, 2026-03-03T21:45:00Z, 2026-03-03T21:55:00Z and reboots at 2026-03-03T22:00:00Z
db1 is warned at no time and reboots at 2026-03-02T22:57:00Z
--- policy
[[reboot]]
name = "in five minutes"
when = "needed"
deadline = "5m"
warn = ["60m", "15m", "5m"]
--- story
# A deadline that leaves no time for the warnings is refused before anybody is hurt.
refused: policy:5
refused: a warning comes before the deadline's 5m begin
--- policy
[[reboot]]
name = "nobody is told"
when = "needed"
warn = []
--- story
refused: is warned at least once
