"""What Schemathesis is told about this server beside its document."""

import itertools
import re

import schemathesis

KEY = re.compile(r"[!#-~][!-~]{0,127}")
LEFT_OUT = ("workspace", "Command-Created-At")
counter = itertools.count(1)

# The field of the new record's id, by the path that creates it.
new_ids = {}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The workspace is the token's: as a parameter it would be a resource that nothing creates, and no stateful test would begin. Commands are
    new: the coverage phase finds no valid time for the header, and would try nothing else.
    """
    paths = raw_schema["paths"]
    for path in [path for path in paths if "{workspace}" in path]:
        item = paths[path.replace("{workspace}", "acme")] = paths.pop(path)
        for operation in item.values():
            operation["parameters"] = [of for of in operation["parameters"] if of["name"] not in LEFT_OUT]
            get = operation["responses"].get("201", {}).get("links", {}).get("get")
            if get:
                new_ids[path.replace("{workspace}", "acme")] = get["parameters"]["path.id"].removeprefix("$request.body#/")
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    link["parameters"].pop("path.workspace")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Most writes get a key of their own: retries and reused keys shall be met, but not always. A chain of requests begins with a record of its own."""
    key = (case.headers or {}).get("Idempotency-Key")
    number = next(counter)
    if number % 8 == 0 and case.meta.phase.name.value != "coverage":
        return
    field = new_ids.get(case.operation.path)
    if case.meta.phase.name.value == "stateful" and isinstance(case.body, dict) and field in case.body:
        case.body[field] = f"st-{number}"
    if isinstance(key, str) and KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:100]}-{number}"
