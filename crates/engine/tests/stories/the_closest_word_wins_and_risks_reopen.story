The closest level wins, deny wins a tie, and a risk that was accepted until a day is open again after it.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
name = "provider says no"
verdict = "deny"
patches = "product:openssl"
reason = "wait"

[[decision]]
name = "device says yes"
verdict = "approve"
patches = "product:openssl"
for = "device:web1"
reason = "tested here"

[[decision]]
name = "client says yes"
verdict = "approve"
patches = "product:bash"
for = "client:acme"
reason = "tested"

[[decision]]
name = "client says no"
verdict = "deny"
patches = "product:bash"
for = "client:acme"
reason = "breaks a script"

[[decision]]
name = "live with it"
verdict = "accept-risk"
patches = "product:curl"
for = "client:acme"
until = "2026-04-01T00:00:00Z"
reason = "not reachable from outside"

[[rule]]
name = "all"
owner = "Ada"
patches = "product:curl"
action = "approve"
why = "practice"
--- fleet
{"v": 1, "devices": [
  {"id": "web1", "client": "acme", "zone": "UTC", "findings": [{"patch": "openssl-3", "product": "openssl"}, {"patch": "bash-5", "product": "bash"}, {"patch": "curl-8", "product": "curl"}]},
  {"id": "web2", "client": "acme", "zone": "UTC", "findings": [{"patch": "openssl-3", "product": "openssl"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 openssl-3: now
    says this goes before deny by provider says no for the provider
web2 openssl-3: never gate decided
web1 bash-5: never gate decided
    says denied by the decision client says no
web1 curl-8: later 2026-04-01T00:00:00Z gate decided
at 2026-04-01T00:00:00Z
web1 curl-8: now
