"""Fail unless the released model reaches its floors on all test images and reproduces its shipped scores."""

import json
import sys
from pathlib import Path

FLOORS = {"roc_auc": 0.960, "accuracy": 0.88}
REPRODUCED = 1e-3

measured, shipped = (json.loads(Path(name).read_text("utf-8"))["views"] for name in sys.argv[1:3])
failures = [
    f"{metric} {measured['all']['metrics'][metric]['value']:.4f} is below {floor}"
    for metric, floor in FLOORS.items()
    if measured["all"]["metrics"][metric]["value"] < floor
]
if measured["all"]["n"] != 660:
    failures.append(f"{measured['all']['n']} test images instead of 660")
for view, values in shipped.items():
    for metric, figure in values["metrics"].items():
        again = measured[view]["metrics"][metric]["value"]
        if abs(again - figure["value"]) > REPRODUCED:
            failures.append(f"{view} {metric}: {again:.5f} instead of the shipped {figure['value']:.5f}")
sys.stdout.write("\n".join(failures or ["floors reached, shipped scores reproduced"]) + "\n")
sys.exit(1 if failures else 0)
