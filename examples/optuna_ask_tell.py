"""Optuna drives the environment of cosearch: it proposes networks, chips and deployments, cosearch measures them.

    cosearch serve &
    python3 examples/optuna_ask_tell.py --study quick --trials 100

Without Optuna (`pip install optuna`) the same loop runs as random search. The run is in the dashboard like any other."""
import argparse
import random
import uuid

from ask_tell_client import Client

try:
    import optuna
except ImportError:
    optuna = None


def active(knob, candidate):
    """A knob counts only where its condition on earlier knobs holds."""
    return all(candidate.get(name) in values for name, values in knob.get("when", {}).items())


def choose(space, index_of):
    """A candidate, knob by knob; index_of(name, count, ordered) picks one of a knob's values."""
    candidate = {}
    for knob in space["knobs"]:
        if active(knob, candidate):
            values = knob["values"]
            index = 0 if len(values) == 1 else index_of(knob["name"], len(values), knob["ordered"])
            candidate[knob["name"]] = values[index]
    return candidate


def with_optuna(space, evaluate, trials, seed):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for _ in range(trials):
        trial = study.ask()

        def index_of(name, count, ordered):
            if ordered:
                return trial.suggest_int(name, 0, count - 1)
            return trial.suggest_categorical(name, list(range(count)))

        study.tell(trial, evaluate(choose(space, index_of))["reward"])


def at_random(space, evaluate, trials, seed):
    draw = random.Random(seed)
    for _ in range(trials):
        evaluate(choose(space, lambda name, count, ordered: draw.randrange(count)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:7007")
    parser.add_argument("--study", default="quick")
    parser.add_argument("--id", default=None, help="run folder; default: made from study and sampler")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    client = Client(given.url)
    sampler = "optuna-tpe" if optuna else "python-random"
    study_id = given.id or f"{given.study}-{sampler}-s{given.seed}"
    study = client.create(study_id, study=given.study, proposals="client", agent=sampler, trials=given.trials)
    session = uuid.uuid4().hex[:8]
    count = 0

    def evaluate(candidate):
        """The trial that a candidate became. The key makes it safe to ask again after a lost connection."""
        nonlocal count
        count += 1
        while True:
            answer = client.post(
                f"/api/studies/{study_id}/evaluate", {"candidate": candidate, "key": f"{session}.{count}"}
            )
            if "pending" not in answer:
                return answer

    left = study["budget"] - study["trials"]
    (with_optuna if optuna else at_random)(study["space"], evaluate, left, given.seed)
    study = client.get(f"/api/studies/{study_id}")
    best = study["best"]
    print(f"{sampler}: {study['status']}, {study['trials']} trials, best reward {best['reward']:.6f} in trial {best['trial']}")


if __name__ == "__main__":
    main()
