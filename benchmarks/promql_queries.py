"""The queries of promql_agreement.py: every function and operator, and their corner cases."""

from __future__ import annotations

import random

_TEXT = r"""
up
http_requests_total{code="500"}
http_requests_total{code!="500",service=~"ca.*"}
http_requests_total{service!~"cart|x",instance=~"10[.]0[.]0[.][[:digit:]]:80"}
{__name__=~"up|constant"}
{__name__=~"memory.*",pod=~"pod-[12]"}
up{nothing=""}
up{nothing!=""}
session_active
session_active offset 5m
session_active offset -2m
session_active @ 1700000900
session_active @ 1700000911.5 offset 30s
memory_bytes @ start()
memory_bytes @ end()
memory_bytes @ end() offset 3m
session_active[2m]
weird{kind="mixed"}
-temperature
+temperature
weird
rate(http_requests_total[5m])
rate(http_requests_total[1m])
rate(http_requests_total[30s])
rate(http_requests_total[15s])
rate(http_requests_total[20m])
rate(http_requests_total[37s] offset 90s)
rate(http_requests_total[5m] @ 1700001000)
rate(slow_total[3m])
rate(slow_total[10m])
rate(fresh_total[5m])
increase(fresh_total[10m])
increase(http_requests_total[5m])
increase(cpu_seconds_total[2m])
irate(http_requests_total[5m])
irate(cpu_seconds_total[1m])
delta(memory_bytes[5m])
delta(temperature[3m])
idelta(memory_bytes[5m])
deriv(memory_bytes[5m])
deriv(temperature[10m])
deriv(constant[5m])
deriv(weird[5m])
predict_linear(memory_bytes[10m], 600)
predict_linear(cpu_seconds_total[5m], -60)
changes(up[10m])
changes(weird[5m])
changes(session_active[15m])
resets(http_requests_total[15m])
resets(temperature[10m])
avg_over_time(memory_bytes[5m])
sum_over_time(temperature[7m])
min_over_time(temperature[5m])
max_over_time(temperature[5m])
count_over_time(session_active[5m])
last_over_time(session_active[5m])
present_over_time(session_active[1m])
stddev_over_time(memory_bytes[5m])
stdvar_over_time(temperature[5m])
quantile_over_time(0.9, temperature[5m])
quantile_over_time(0, temperature[5m])
quantile_over_time(1.5, temperature[5m])
quantile_over_time(-1, temperature[5m])
quantile_over_time(0.5, weird[3m])
sum_over_time(weird[5m])
avg_over_time(weird[2m])
min_over_time(weird[5m])
max_over_time(weird[5m])
stddev_over_time(weird[5m])
histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))
histogram_quantile(0.5, sum by (service, le) (rate(latency_seconds_bucket[10m])))
histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket[5m])))
histogram_quantile(0.01, latency_seconds_bucket)
histogram_quantile(1.1, latency_seconds_bucket)
histogram_quantile(-0.1, latency_seconds_bucket)
histogram_quantile(0.9, latency_seconds_bucket{le!="+Inf"})
histogram_quantile(0.9, latency_seconds_bucket{le="+Inf"})
histogram_quantile(0.9, latency_seconds_bucket offset 1h)
histogram_quantile(0.9, temperature)
sum(http_requests_total)
sum by (service) (rate(http_requests_total[5m]))
sum without (instance, code) (http_requests_total)
sum by (nothing) (up)
sum by () (up)
sum without () (up)
avg by (service) (http_requests_total)
avg(memory_bytes)
min by (service) (http_requests_total)
max by (code) (http_requests_total)
count by (code) (http_requests_total)
count(session_active)
group by (service) (http_requests_total)
stddev(memory_bytes)
stdvar by (room) (temperature)
stddev(http_requests_total)
topk(2, memory_bytes)
topk by (service) (1, http_requests_total)
topk(0, memory_bytes)
topk(100, temperature)
topk(2, weird)
bottomk(2, memory_bytes)
bottomk by (service) (1, rate(http_requests_total[5m]))
bottomk(3, session_active)
quantile(0.5, memory_bytes)
quantile by (service) (0.25, http_requests_total)
quantile(2, memory_bytes)
quantile(0.5, weird)
count_values("value", up)
count_values by (job) ("v", up)
count_values without (user) ("v", session_active)
count_values("kind", weird)
sum(weird)
min(weird)
max(weird)
avg(weird)
sum(nonexistent)
memory_bytes / 1024 / 1024
memory_bytes * 2 + 1
1 - up
temperature % 7
temperature ^ 2
2 ^ temperature
2 ^ 3 ^ 2
-2 ^ 2
7 % -3
1 / 0
-1 / 0
0 / 0
temperature atan2 temperature
temperature > 0
0 < temperature
temperature >= bool 0
5 > bool temperature
1 == bool 1
temperature != temperature
temperature == temperature
weird == weird
weird != weird
up == 0
up == bool 0
memory_bytes > on(pod) (cpu_seconds_total * 1e6)
memory_bytes + cpu_seconds_total
memory_bytes + on(pod) cpu_seconds_total
memory_bytes / ignoring(container) pod_info
memory_bytes / ignoring(container) group_left pod_info
memory_bytes / ignoring(container, node) pod_info
memory_bytes * on(pod) group_left(node) pod_info
pod_info * on(pod) group_right(node) memory_bytes
pod_info * on(node) group_left(zone) node_capacity
node_capacity * on(node) group_right pod_info
node_capacity - on(node) group_right(zone) pod_info
sum by (zone) (memory_bytes * on(pod) group_left(node) pod_info * on(node) group_left(zone) node_capacity)
sum by (service) (rate(http_requests_total{code="500"}[5m])) / sum by (service) (rate(http_requests_total[5m]))
http_requests_total{code="500"} / ignoring(code) http_requests_total{code="200"}
http_requests_total / ignoring(code) http_requests_total
http_requests_total / on(service) http_requests_total
http_requests_total * on(service) group_left latency_seconds_count
pod_info > on(node) node_capacity
node_capacity > bool on(node) group_right pod_info
memory_bytes > bool ignoring(namespace) memory_bytes
up and up
up and on(instance) http_requests_total{code="500"}
up and ignoring(job) http_requests_total
http_requests_total unless http_requests_total{code="500"}
http_requests_total unless on(service) latency_seconds_count{service="cart"}
session_active or up
session_active{user="x"} or on() vector(0)
session_active{user="y"} or session_active{user="z"}
up == 1 or up == 0
(up == 0) unless (up == 1)
http_requests_total and on() nonexistent
absent(nonexistent)
absent(up)
absent(nonexistent{job="x",instance=~"y",a="b"})
absent(nonexistent{job="x",job="y",a="b"})
absent(session_active{user="x"})
absent(sum(nonexistent{a="b"}))
absent_over_time(nonexistent{a="b"}[5m])
absent_over_time(session_active{user="x"}[1m])
absent_over_time(up[5m])
absent(rate(nonexistent{a="b"}[5m]))
label_replace(up, "host", "$1", "instance", "(.*):.*")
label_replace(up, "host", "${1}-$$-$2", "instance", "(.*):(.*)")
label_replace(up, "host", "x", "instance", "nomatch")
label_replace(up, "job", "", "job", ".*")
label_replace(up, "instance", "same", "instance", ".*")
label_replace(up, "1bad", "x", "instance", ".*")
label_replace(up, "host", "x", "instance", "(")
label_replace(up, "__name__", "renamed", "", "")
label_replace(up, "d", "$name", "instance", "(?P<name>[0-9]+).*")
label_join(up, "all", "-", "job", "instance")
label_join(up, "all", "-")
label_join(up, "job", ",", "nothing")
abs(temperature)
ceil(temperature)
floor(temperature)
round(temperature)
round(temperature, 0.5)
round(temperature, 10)
exp(temperature)
ln(temperature)
log2(memory_bytes)
log10(memory_bytes)
sqrt(temperature)
sgn(temperature)
sin(temperature) + cos(temperature)
atan(temperature)
deg(temperature)
rad(temperature)
pi()
clamp(temperature, -5, 5)
clamp(temperature, 5, -5)
clamp_min(temperature, 0)
clamp_max(temperature, 0)
clamp_max(weird, 2)
clamp_min(weird, NaN)
sort(memory_bytes)
sort_desc(memory_bytes)
sort(weird)
sort_desc(weird)
scalar(up{instance="10.0.0.0:80"})
scalar(up)
scalar(nonexistent)
vector(1)
vector(time())
time()
timestamp(cpu_seconds_total)
timestamp(memory_bytes offset 1m)
timestamp(memory_bytes + 1)
timestamp(slow_total)
time() - timestamp(slow_total)
day_of_week()
day_of_month()
day_of_year()
days_in_month()
hour()
minute()
month()
year()
year(vector(-86400))
day_of_week(vector(-86400))
minute(timestamp(slow_total))
rate(http_requests_total[5m])[10m:1m]
max_over_time(rate(http_requests_total[2m])[10m:30s])
avg_over_time(sum(rate(http_requests_total[1m]))[5m:])
min_over_time(temperature[10m:1m] offset 2m)
sum_over_time(vector(1)[5m:1m])
sum_over_time((up == 0)[10m:15s])
rate(sum(http_requests_total)[5m:30s])
deriv(rate(cpu_seconds_total[2m])[5m:20s])
count_over_time(session_active[5m:17s])
max_over_time(time()[5m:1m])
last_over_time(up[10m:1m] @ 1700001000)
max_over_time(max_over_time(temperature[2m:30s])[5m:1m])
avg_over_time(memory_bytes[3m] @ end())
sum_over_time(memory_bytes[3m:30s] @ start())
scalar(sum(up)) * 2
topk(scalar(count(up)), temperature)
"text"
42
1e9
NaN
Inf
-Inf
0x1F
(1)
1 + 2 * 3 - 4 / 5
1 > bool 2
1 > 2
nosuch(up)
up{
{}
sum(1)
rate(up)
up[5m] + 1
up offset
1 and 2
up{job=~"("}
up + on(job) group_left up
sum_over_time({__name__=~"up|constant"}[2m])
rate({__name__=~"http_requests_total|cpu_seconds_total"}[2m])
abs({__name__=~"latency_seconds_bucket|latency_seconds_count",service="cart"})
rate({__name__=~"up|node_capacity|pod_info"}[5m])
sum by (a) ({a!=""})
-{__name__=~"up|constant"}
"""

QUERIES = [line for line in _TEXT.strip().splitlines() if line]


def random_queries(names: list[str], start: int, count: int, seed: int) -> list[str]:
    """Compose expressions at random; many fail, which has to happen on both sides."""
    rng = random.Random(seed)
    over = ["rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets"]
    over += [
        f"{name}_over_time" for name in ("avg", "sum", "min", "max", "count", "last", "stddev")
    ]
    label = ["service", "instance", "code", "pod", "node", "job", "le", "room", "kind", "user"]

    def some() -> str:
        return ", ".join(rng.sample(label, rng.randint(0, 3)))

    def tail() -> str:
        offset = f" offset {rng.choice(['', '-'])}{rng.randint(1, 400)}s"
        at = rng.choice([" @ start()", " @ end()", f" @ {start + rng.randint(0, 2400)}"])
        return rng.choice(["", "", "", offset, at, at + offset])

    def vector(depth: int) -> str:
        kind = rng.randint(0, 6) if depth else 0
        inner = vector(depth - 1) if depth else ""
        if kind == 0:
            return rng.choice(names) + tail()
        if kind == 1:
            return f"{rng.choice(over)}({rng.choice(names)}[{rng.randint(10, 900)}s]{tail()})"
        if kind == 2:
            spread = f"{rng.randint(10, 900)}s:{rng.choice(['', f'{rng.randint(7, 90)}s'])}"
            return f"{rng.choice(over)}(({inner})[{spread}]{tail()})"
        if kind == 3:
            op = rng.choice(["sum", "avg", "min", "max", "count", "stddev", "group"])
            return f"{op} {rng.choice(['by', 'without'])} ({some()}) ({inner})"
        if kind == 4:
            name = rng.choice(["topk", "bottomk", "quantile"])
            return (
                f"{name} {rng.choice(['by', 'without'])} ({some()}) ({rng.randint(0, 3)}, {inner})"
            )
        if kind == 5:
            return f"{rng.choice(['abs', 'ceil', 'sqrt', 'absent', '-', 'sort', 'timestamp'])}({inner})"
        op = rng.choice(
            ["+", "-", "*", "/", "%", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"]
        )
        if op.isalpha():
            how = rng.choice(["", f"on({some()})", f"ignoring({some()})"])
        else:
            group = rng.choice(["", "", f"group_left({some()})", f"group_right({some()})"])
            how = rng.choice([f"on({some()}) {group}", f"ignoring({some()}) {group}", ""])
            if op[0] in "=!<>" and rng.random() < 0.3:
                how = "bool " + how
            if rng.random() < 0.3:
                return f"({inner}) {op} {'bool' if 'bool' in how else ''} {rng.randint(-5, 9)}"
        return f"({inner}) {op} {how} ({vector(depth - 1)})"

    return [vector(rng.randint(1, 3)) for _ in range(count)]
