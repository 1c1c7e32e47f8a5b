A freeze with a date that does not exist is refused at saving. One that is found in the store all the
same closes everything that it covers, until somebody repairs it.

--- policy
[[freeze]]
name = "year end"
zone = "Europe/Berlin"
from = "2020-01-00T00:00"
until = "2020-01-05T00:00"
reason = "books"
--- story
refused: policy:4
--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
verdict = "approve"
patches = "product:openssl"
reason = "tested"
--- fleet
{"v": 1, "devices": [{"id": "web1", "client": "acme", "zone": "Europe/Berlin",
  "findings": [{"patch": "openssl-3", "product": "openssl"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 openssl-3: now
the freeze year end is broken: `2020-01-00T00:00` is not a date that exists
web1 openssl-3: never gate frozen
    says nothing is changed until it is repaired; whoever keeps the policy can change that
