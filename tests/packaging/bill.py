"""Checks a bill of materials with the schema of CycloneDX, and prints a line for each component: what
it is (its purl), its checksum or `-`, and its licence.

The schemas are those that the package `cyclonedx-python-lib` brings; the rest of it is not used.
"""

import importlib.util
import json
import pathlib
import sys

import fastjsonschema

SCHEMAS = (
    pathlib.Path(importlib.util.find_spec("cyclonedx").submodule_search_locations[0])
    / "schema/_res"
)


def schema(name):
    return json.loads((SCHEMAS / name).read_text())


bill = json.loads(pathlib.Path(sys.argv[1]).read_text())
# Schemas name each other by addresses that end with the names of the files.
local = {"http": lambda address: schema(address.rsplit("/", 1)[-1])}
validate = fastjsonschema.compile(schema("bom-1.6.SNAPSHOT.schema.json"), handlers=local)
validate(bill)

# What a schema cannot say.
parts = [bill["metadata"]["component"], *bill["components"]]
references = [part["bom-ref"] for part in parts]
assert len(set(references)) == len(references), "a component is there twice"
edges = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
assert set(edges) == set(references), "not each component has its dependencies"
reached, waiting = set(), references[:1]
while waiting:
    reference = waiting.pop()
    if reference not in reached:
        reached.add(reference)
        waiting += edges[reference]
assert reached == set(references), set(references) ^ reached

for part in bill["components"]:
    checksum = part.get("hashes", [{"content": "-"}])[0]["content"]
    print(part["purl"], checksum, part["licenses"][0]["expression"])
