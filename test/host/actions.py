"""What the demo actions of the test host compute.

Pure functions of (input, config, key): the same key always gives the same output, as
a host with a real database would remember it.

Any action answers with a stage result instead if its input, or else its config, has one of
these members. "The n-th call" counts the calls of a node that follow each other because
its rewrite was rejected: it is data.rejection.reexecution + 1, so nothing is kept for it.

  __result    the stage result, as it stands, right or wrong; of a list, the n-th for the n-th
              call, and behind its end a plain output
  __rewrite   a rewrite, {"form", "fragment"}, proposed with the action's output; a list as above
  __grow      n, or {"times": n, "width": w, "form": f}: proposes w nodes (1) of the same action
              (append), the first of which grows n - 1 times more; 0: a plain output
  __reject    a reason: reject_rewrite with it; or {"times": n, "reason": r}: n times
  __suspend   a signal's name: suspend
"""

import hashlib

ITEMS = [
    ("TEA-01", "Assam, 250 g", 890),
    ("TEA-02", "Sencha, 100 g", 1250),
    ("CUP-07", "Cup, stoneware", 1480),
    ("POT-03", "Pot, cast iron", 5900),
]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def field(value, *names, default=None):
    """The first of the named members that is there; looks one level deep too,
    since the input of a node may be the outputs of its predecessors."""
    if not isinstance(value, dict):
        return default
    for name in names:
        if name in value:
            return value[name]
    for inner in value.values():
        if isinstance(inner, dict):
            for name in names:
                if name in inner:
                    return inner[name]
    return default


def load_order(data, config, key):
    order_id = str(field(data, "order_id", "id", default="o-1"))
    seed = int(digest(order_id)[:8], 16)
    lines = []
    for i in range(1 + seed % 3):
        sku, name, price = ITEMS[(seed + i) % len(ITEMS)]
        lines.append({"sku": sku, "name": name, "quantity": 1 + (seed >> i) % 3,
                      "price": price})
    total = sum(line["quantity"] * line["price"] for line in lines)
    return {"order_id": order_id, "customer": "c-%d" % (seed % 1000),
            "currency": "EUR", "lines": lines, "total": total}


def charge(data, config, key):
    return {"payment_id": "pay_" + digest("pay" + key)[:16], "status": "captured",
            "order_id": field(data, "order_id"),
            "amount": field(data, "amount", "total", default=0),
            "currency": field(data, "currency", default="EUR")}


def ship(data, config, key):
    tracking = digest("ship" + key)[:12].upper()
    return {"shipment_id": "shp_" + tracking.lower(), "carrier": "parcel",
            "tracking": tracking, "order_id": field(data, "order_id")}


def echo(data, config, key):
    return data


def sleep(data, config, key):
    return {"slept": True}


ACTIONS = {
    "orders.load": load_order,
    "payments.charge": charge,
    "warehouse.ship": ship,
    "echo": echo,
}


def find(name, take_any):
    """The function of an action, or None. Names may carry a fault: x.fault.reset."""
    base = name.split(".fault.", 1)[0]
    if base in ACTIONS:
        return ACTIONS[base]
    if take_any or base.startswith("test.") or base.endswith(".echo"):
        return echo
    return None


def switch(data, config, name):
    """The member of the input, or else of the config; None if neither has it."""
    for place in (data, config):
        if isinstance(place, dict) and name in place:
            return place[name]
    return None


def nth(value, n):
    """The n-th of a list, None behind its end; anything else stands for all."""
    if not isinstance(value, list):
        return value
    return value[n] if n < len(value) else None


def growth(action, order):
    if not isinstance(order, dict):
        order = {"times": order}
    left = int(order.get("times", 1)) - 1
    if left < 0:
        return None
    nodes = {"next": {"action": action, "input": {"__grow": {**order, "times": left}}}}
    for i in range(1, int(order.get("width", 1))):
        nodes["side%d" % i] = {"action": action, "input": {"side": i}}
    return {"form": order.get("form", "append"), "fragment": {"nodes": nodes}}


def stage_result(action, data, config, rejection, output):
    """The stage result that is asked for, or None: the output by itself."""
    calls = int(rejection.get("reexecution", 0)) if isinstance(rejection, dict) else 0

    result = nth(switch(data, config, "__result"), calls)
    if result is not None:
        return result
    rewrite = nth(switch(data, config, "__rewrite"), calls)
    if rewrite is None and switch(data, config, "__grow") is not None:
        rewrite = growth(action, switch(data, config, "__grow"))
    if rewrite is not None:
        return {"result": "rewrite", "output": output, "rewrite": rewrite}
    reject = switch(data, config, "__reject")
    if reject is not None:
        if not isinstance(reject, dict):
            reject = {"reason": reject}
        if calls < reject.get("times", calls + 1):
            return {"result": "reject_rewrite", "output": output, "reason": reject.get("reason")}
    signal = switch(data, config, "__suspend")
    if signal is not None:
        return {"result": "suspend", "signal": signal}
    return None


def manifest(endpoint):
    return {
        "protocol": {"min": 1, "max": 1},
        "host": {"name": "test-host", "version": "1"},
        "endpoint": endpoint,
        "capabilities": ["async", "cancel"],
        "limits": {"concurrency": 1000},
        "actions": [{"name": name, "version": "1", "repeatable": True,
                     "read_only": name == "orders.load", "replay_safe": True}
                    for name in sorted(ACTIONS)],
    }
