The distribution fixed the fault in its own build of the old version. The device is not affected, the
advisory says why, and no approval makes an update of it.

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
{"v": 1, "feeds": [{"name": "debian", "fresh": true}],
 "devices": [{"id": "web1", "client": "acme", "zone": "UTC", "findings": [
  {"patch": "CVE-2025-26465", "product": "openssh", "state": "not-affected", "why": "the installed 1:9.2p1-2+deb12u5 has the fix: DSA-5868-1", "feed": "debian"},
  {"patch": "CVE-2026-0001", "product": "openssh", "state": "missing", "feed": "debian"}]}]}
--- story
at 2026-03-02T09:00:00Z
web1 CVE-2025-26465: never gate applicable
    says DSA-5868-1
web1 CVE-2026-0001: now
