The feed was last fetched nine days ago. Nothing is said to be safe or needed by it: unknown, since when.

--- policy
[[window]]
name = "always"
zone = "UTC"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[decision]]
verdict = "approve"
patches = ""
reason = "all of it"
--- fleet
{"v": 1, "feeds": [{"name": "debian", "fresh": false, "since": "2026-02-21T00:00:00Z"}, {"name": "kev", "fresh": true}],
 "devices": [{"id": "web1", "client": "acme", "zone": "Europe/Berlin", "findings": [
  {"patch": "openssl-3"}, {"patch": "bash-5", "feed": "kev"}, {"patch": "zlib-2", "feed": "gone"},
  {"patch": "curl-8", "feed": "kev", "state": "unknown", "why": "its package manager failed"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 openssl-3: never gate known
    says the feed debian is not fresh since 21 February 2026 at 01:00 (Europe/Berlin)
web1 bash-5: now
web1 zlib-2: never gate known
    says it rests on the feed gone, which is missing
web1 curl-8: never gate known
    says its package manager failed
