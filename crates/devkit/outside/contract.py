"""Holds a running server to its own API document, with each role, by schemathesis.

    python contract.py --server http://127.0.0.1:8080 --tokens tokens.json --trials 5000 --seed 1

`tokens.json` maps the name of a role to the secret of a token. The document is read from the server. Each role has its
run; the sum of generated requests per role is about `--trials`. Any server error, any answer whose status, type or body
is not documented, and any schema-violating request that is accepted ends with exit code 1.

One check of schemathesis is left out: `positive_data_acceptance`. A request of the right shape may still be refused by
the law of the case (422), and numbers such as 7.0, which JSON Schema takes for whole, are refused on purpose (400).
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

CHECKS = ",".join(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "missing_required_header",
        "unsupported_method",
        "ignored_auth",
    ]
)


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--server", required=True)
    reader.add_argument("--tokens", required=True, type=pathlib.Path)
    reader.add_argument("--trials", type=int, default=200)
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()

    with urllib.request.urlopen(f"{asked.server}/openapi.json", timeout=30) as answer:
        document = json.load(answer)
    operations = sum(
        len(item) for path, item in document["paths"].items() if not path.startswith(("/admin", "/metrics"))
    )
    each = max(1, -(-asked.trials // operations))
    failed = []
    for role, token in json.loads(asked.tokens.read_text()).items():
        print(f"== {role}: {each} for each of {operations} operations, seed {asked.seed}", flush=True)
        program = pathlib.Path(sys.executable).with_name("schemathesis")
        # The tool keeps notes in the folder it runs in.
        run = subprocess.run(
            [
                str(program), "--config-file", str(pathlib.Path(__file__).resolve().with_name("contract.toml")),
                "run", f"{asked.server}/openapi.json",
                "--header", f"Authorization: Bearer {token}",
                "--exclude-path-regex", "^/(admin|metrics)",
                "--checks", CHECKS,
                "--phases", "examples,coverage,fuzzing,stateful",
                "--max-examples", str(each),
                "--seed", str(asked.seed),
                "--continue-on-failure", "--no-color", "--warnings", "off",
            ],
            check=False,
            cwd=tempfile.gettempdir(),
        )
        if run.returncode != 0:
            failed.append(role)
    if failed:
        print(f"the contract does not hold for: {', '.join(failed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
