"""A measurement of your own for the agents of cosearch: they propose, you measure, they learn.

    cosearch serve &
    python3 examples/external_evaluator.py --trials 320

The space is stated here, knob by knob, and has nothing to do with networks: tiles of a matrix multiplication. Put your board
or simulator in the place of `measure`. Several of these may work on one study; a proposal that one of them does not tell in
time is given to another."""
import argparse

from ask_tell_client import Client, Refused

STUDY = {
    "name": "matmul-tiles",
    "knobs": [
        {"name": "tileM", "values": [8, 16, 32, 64, 128]},
        {"name": "tileN", "values": [8, 16, 32, 64, 128]},
        {"name": "buffers", "values": [1, 2, 3]},
        {"name": "order", "values": ["m-n", "n-m"]},
    ],
    "metrics": ["latencyMs"],
    "reward": {"form": "lexicographic", "objectives": [{"minimise": "latencyMs"}]},
}


def measure(candidate):
    """What a board would say: results, or why the design does not run on it."""
    m, n, buffers = candidate["tileM"], candidate["tileN"], candidate["buffers"]
    used_kib = buffers * 4 * (m + n) * 32 / 1024
    if used_kib > 64:
        violation = {"subject": "scratchpad", "needed": used_kib, "available": 64, "unit": "KiB"}
        reason = f"{used_kib:g} KiB do not fit into 64 KiB"
        return {"infeasible": {"code": "capacity", "reason": reason, "violations": [violation]}}
    traffic = 1 / m + 1 / n
    overlap = 1.0 if buffers == 1 else 0.6
    return {"metrics": {"latencyMs": 40 * traffic * overlap + (0.5 if candidate["order"] == "n-m" else 0.0)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:7007")
    parser.add_argument("--id", default="matmul-tiles")
    parser.add_argument("--agent", default="reinforce")
    parser.add_argument("--trials", type=int, default=320)
    parser.add_argument("--at-once", type=int, default=4, help="proposals to fetch together")
    given = parser.parse_args()

    client = Client(given.url)
    study = {**STUDY, "agent": given.agent}
    client.create(given.id, study=study, trials=given.trials, timeoutSeconds=60)
    while True:
        asked = client.post(f"/api/studies/{given.id}/ask", {"count": given.at_once})
        if asked["status"] not in ("running", "paused"):
            break
        for trial in asked["trials"]:
            try:
                client.post(f"/api/studies/{given.id}/tell", {"trial": trial["trial"], **measure(trial["candidate"])})
            except Refused as refusal:
                if refusal.status != 409:  # somebody else measured it meanwhile; theirs stands
                    raise
    end = client.get(f"/api/studies/{given.id}")
    print(f"{given.agent}: {end['status']}, {end['trials']} trials, best {end['best']['metrics']} {end['best']['candidate']}")


if __name__ == "__main__":
    main()
