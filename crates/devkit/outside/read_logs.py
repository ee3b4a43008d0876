"""Reads our exports with a reader that nobody in this project wrote.

    python3 read_logs.py LOG.xes LOG.json

prints one JSON object: cases, events, activities of the XES file; objects, ocel_events, relations of the OCEL 2.0
file (JSON). Needs pm4py. Ends with status 1 and the reason on standard error when a file is not accepted.
"""

import json
import sys
import warnings


def read_xes(path):
    import pm4py

    log = pm4py.read_xes(path)
    return {
        "cases": int(log["case:concept:name"].nunique()),
        "events": int(len(log)),
        "activities": int(log["concept:name"].nunique()),
    }


def read_ocel(path):
    import pm4py

    log = pm4py.read_ocel2_json(path)
    # The reader drops a relation to an object that is not in the log: the number of relations tells.
    return {
        "objects": int(log.objects[log.object_id_column].nunique()),
        "ocel_events": int(len(log.events)),
        "relations": int(len(log.relations)),
    }


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    xes, ocel = arguments
    try:
        counts = {**read_xes(xes), **read_ocel(ocel)}
    except Exception as reason:  # whatever the outside reader raises is a refusal
        print(f"{type(reason).__name__}: {reason}", file=sys.stderr)
        return 1
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
