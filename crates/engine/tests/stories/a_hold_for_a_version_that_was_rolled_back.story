A version was rolled back on one device. It is not offered again there, and the next version is; the
other devices go on.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[rule]]
name = "all"
owner = "Ada"
patches = ""
action = "approve"
why = "practice"

[[decision]]
name = "rolled back"
verdict = "hold"
patches = "patch:deb:bookworm/nginx@1.22.1-9"
for = "device:web1"
reason = "it broke the site"

[[decision]]
name = "stay on 15"
verdict = "pin"
patches = "product:postgresql"
version = "15.9-1"
reason = "the application needs it"
--- fleet
{"v": 1, "devices": [
  {"id": "web1", "client": "acme", "zone": "UTC", "findings": [{"patch": "deb:bookworm/nginx@1.22.1-9"}, {"patch": "deb:bookworm/nginx@1.22.1-10"},
    {"patch": "deb:bookworm/postgresql@15.8-1"}, {"patch": "deb:bookworm/postgresql@15.10-1"}, {"patch": "pg", "product": "postgresql"}]},
  {"id": "web2", "client": "acme", "zone": "UTC", "findings": [{"patch": "deb:bookworm/nginx@1.22.1-9"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 deb:bookworm/nginx@1.22.1-9: never gate decided
    says put on hold by the decision rolled back for the device (it broke the site)
web1 deb:bookworm/nginx@1.22.1-10: now
web2 deb:bookworm/nginx@1.22.1-9: now
# 15.10 is newer than 15.9; a patch whose version has no order is held too.
web1 deb:bookworm/postgresql@15.8-1: now
web1 deb:bookworm/postgresql@15.10-1: never gate decided
web1 pg: never gate decided
