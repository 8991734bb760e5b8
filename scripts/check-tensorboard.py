"""Reads the event files of run folders with TensorBoard's own reader and holds them against the runs' own records.

    python3 scripts/check-tensorboard.py runs/<id> ...

Needs the package tensorboard; scripts/check-tensorboard.sh finds or makes a Python that has it. Ends with 1 and says what differs."""
import json
import struct
import sys
from collections import Counter
from pathlib import Path

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def float32(value):
    """TensorBoard keeps 24 bits of a scalar."""
    return struct.unpack("f", struct.pack("f", value))[0]


class Differences(list):
    def unless(self, holds, what):
        if not holds:
            self.append(what)


def check(folder):
    wrong = Differences()
    manifest = json.loads((folder / "manifest.json").read_text())
    updates, policies, trials = (lines(folder / name) for name in ("updates.jsonl", "policy.jsonl", "trials.jsonl"))
    files = sorted(folder.glob("events.out.tfevents.*"))
    wrong.unless(len(files) == 1, f"{len(files)} event files")
    wrong.unless(len(updates) > 0, "no updates: nothing to compare")

    # what stands in the file, before the reader sorts or drops anything
    written = Counter()
    for event in EventFileLoader(str(files[0])).Load():
        for value in event.summary.value:
            written[(value.tag, event.step)] += 1
    twice = [key for key, count in written.items() if count > 1]
    wrong.unless(not twice, f"written twice: {twice[:5]}")

    read = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0, "histograms": 0}, purge_orphaned_data=False)
    read.Reload()
    tags = read.Tags()

    def plugin_of(tag):
        return read.SummaryMetadata(tag).plugin_data.plugin_name

    # every diagnostic of every update, and no step more
    curves = {tag: {} for tag in tags["tensors"] + tags["scalars"]}
    for tag in tags["scalars"]:
        curves[tag] = {event.step: event.value for event in read.Scalars(tag)}
    for tag in tags["tensors"]:
        if plugin_of(tag) == "scalars":
            curves[tag] = {event.step: float(tensor_util.make_ndarray(event.tensor_proto)) for event in read.Tensors(tag)}
    compared = 0
    for update in updates:
        for tag, value in update["diagnostics"].items():
            found = curves.get(tag, {}).get(update["trialCount"])
            wrong.unless(found == float32(value), f"{tag} at {update['trialCount']}: {found} instead of {value}")
            compared += 1
    steps = {update["trialCount"] for update in updates}
    for tag, points in curves.items():
        wrong.unless(set(points) <= steps, f"{tag} has steps that no update has: {sorted(set(points) - steps)[:5]}")
        wrong.unless(list(points) == sorted(points), f"{tag}: steps out of order")

    # histograms of knobs: what was proposed in each window, and what the policy would draw
    knobs = {knob["name"]: knob["values"] for knob in manifest["space"]["knobs"] if len(knob["values"]) > 1}
    histograms = [tag for tag in tags["tensors"] if plugin_of(tag) == "histograms"]
    wrong.unless({tag[6:] for tag in histograms if tag.startswith("knobs/")} == set(knobs), "knobs/ are not the knobs of the space")
    wrong.unless(not policies or any(tag.startswith("policy/") for tag in histograms), "no policy/ although one is recorded")
    for tag in histograms:
        kind, name = tag.split("/", 1)
        start = 0
        for event in read.Tensors(tag):
            rows = tensor_util.make_ndarray(event.tensor_proto)
            lefts, rights, counts = rows[:, 0].tolist(), rows[:, 1].tolist(), rows[:, 2].tolist()
            places = range(len(knobs[name]))
            wrong.unless(lefts == [i - 0.5 for i in places] and rights == [i + 0.5 for i in places], f"{tag}: other buckets")
            if kind == "knobs":
                window = [trial["candidate"].get(name) for trial in trials[start : event.step]]
                expected = [float(window.count(value)) for value in knobs[name]]
                start = event.step
            else:
                known = [record["policy"] for record in policies if record["trialCount"] <= event.step]
                expected = known[-1].get(name) if known else None
            wrong.unless(counts == expected, f"{tag} at {event.step}: {counts} instead of {expected}")
            compared += 1

    # hyper-parameters: once, with what tells runs apart
    content = read.PluginTagToContent("hparams")
    started = plugin_data_pb2.HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info
    shown = {name: getattr(value, value.WhichOneof("kind")) for name, value in started.hparams.items()}
    for name, value in (("study", manifest["studyName"]), ("agent", manifest["agentName"]), ("seed", manifest["seed"])):
        wrong.unless(shown.get(name) == value, f"hyper-parameter {name} is {shown.get(name)} instead of {value}")
    if (folder / "summary.json").exists():
        ended = plugin_data_pb2.HParamsPluginData.FromString(content["_hparams_/session_end_info"]).session_end_info
        wrong.unless(ended.status == 1, f"session end has status {ended.status}")

    for what in wrong[:20]:
        print(f"{folder.name}: {what}")
    if not wrong:
        print(f"{folder.name}: {len(curves)} tags, {len(histograms)} histograms, {len(steps)} steps, {compared} values as recorded")
    return not wrong


if __name__ == "__main__":
    print(f"tensorboard {tensorboard.__version__}")
    sys.exit(0 if all([check(Path(folder)) for folder in sys.argv[1:]]) and len(sys.argv) > 1 else 1)
