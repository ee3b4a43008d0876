"""Follows our runs in machines that nobody in this project wrote.

    python3 follow_machines.py RUNS.json

RUNS.json is a list of {"scxml": TEXT, "pnml": TEXT, "runs": [[{"events": [NAME], "states": [NAME]}]]}: after each
step's events, these states of the main machine and its tracks must be the active ones. Each run is followed by the
SCXML interpreter of python-statemachine, and its main line is played as a token in the net that pm4py reads from the
PNML. Prints one JSON object: runs, steps, tokens (transitions fired), and differences, a list of sentences.
"""

import json
import sys
import tempfile
import warnings


def follow_scxml(text, runs, found):
    from statemachine.io.scxml.processor import SCXMLProcessor

    steps = 0
    for number, run in enumerate(runs):
        processor = SCXMLProcessor()
        processor.parse_scxml("machine", text)
        machine = processor.start()
        for at, step in enumerate(run):
            for event in step["events"]:
                machine.send(event)
            active = {str(name) for name in machine.configuration_values}
            leaves = sorted(name for name in active if not name.startswith(("_case", "_main", "_line", "_track.")))
            steps += 1
            if leaves != sorted(step["states"]):
                found.append(f"SCXML, run {number}, step {at}, {step['events']}: {leaves}, not {step['states']}")
                break
    return steps


def play_pnml(text, runs, found):
    import pm4py
    from pm4py.objects.petri_net import semantics

    with tempfile.NamedTemporaryFile("w", suffix=".pnml") as file:
        file.write(text)
        file.flush()
        net, initial, _ = pm4py.read_pnml(file.name)
    by_label = {}
    for transition in net.transitions:
        by_label.setdefault(transition.label, []).append(transition)
    fired = 0
    for number, run in enumerate(runs):
        marking = initial
        for at, step in enumerate(run):
            wanted = set(step["states"])
            for event in step["events"]:
                open_now = [one for one in by_label.get(event, []) if semantics.is_enabled(one, net, marking)]
                if not open_now:
                    continue
                # `back` has one transition for each state it may lead to.
                led = [one for one in open_now if {arc.target.name for arc in one.out_arcs} & wanted]
                for one in (led or open_now)[:1]:
                    marking = semantics.execute(one, net, marking)
                    fired += 1
            here = {place.name for place in marking}
            main = step["states"][0]
            if main not in here:
                found.append(f"PNML, run {number}, step {at}, {step['events']}: {sorted(here)}, not {main}")
                break
    return fired


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    warnings.filterwarnings("ignore")
    found, total = [], {"runs": 0, "steps": 0, "tokens": 0}
    with open(arguments[0], encoding="utf-8") as file:
        machines = json.load(file)
    for machine in machines:
        total["runs"] += len(machine["runs"])
        total["steps"] += follow_scxml(machine["scxml"], machine["runs"], found)
        total["tokens"] += play_pnml(machine["pnml"], machine["runs"], found)
    print(json.dumps({**total, "differences": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
