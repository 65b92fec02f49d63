"""Makes tests/golden/data, the part of a full folder of golden data that the repository keeps.

    python3 tests/golden/make_subset.py GOLDEN

Kept: the images, all weight file formats, decoding, and three small networks.
"""
import json
import os
import shutil
import sys

NETWORKS = ["resnest14", "resnest26", "resnest50_fast_4s2x40d"]
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def copy(golden, *parts):
    source, target = os.path.join(golden, *parts), os.path.join(OUT, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, target)
        for folder, _, files in os.walk(target):
            os.chmod(folder, 0o755)
            for file in files:
                os.chmod(os.path.join(folder, file), 0o644)
    else:
        shutil.copyfile(source, target)


def copy_classification(golden):
    with open(os.path.join(golden, "classification", "cases.json")) as f:
        data = json.load(f)
    data["models"] = {name: data["models"][name] for name in NETWORKS}
    data["legacy_names"] = [name for name in data["legacy_names"] if name in NETWORKS]
    data["cases"] = [case for case in data["cases"] if case["model"] in NETWORKS]
    for network in NETWORKS:
        for suffix in ("manifest.json", "stats.safetensors", "torch.manifest.json"):
            copy(golden, "classification", "models", f"{network}.{suffix}")
    for case in data["cases"]:
        name = f"{case['model']}_{case['height']}x{case['width']}"
        for suffix in ("json", "safetensors"):
            copy(golden, "classification", "outputs", f"{name}.{suffix}")
        with open(os.path.join(golden, "classification", "outputs", name + ".json")) as f:
            for image in json.load(f)["input"]["images"]:
                copy(golden, "classification", image)
    with open(os.path.join(OUT, "classification", "cases.json"), "w") as f:
        json.dump(data, f, indent=1)


def main():
    golden = sys.argv[1]
    shutil.rmtree(OUT, ignore_errors=True)
    copy(golden, "images")
    copy(golden, "formats", "files")
    copy(golden, "formats", "broken")
    for name in ("images", "decode.json", "decode.safetensors"):
        copy(golden, "preprocessing", name)
    copy_classification(golden)
    with open(os.path.join(OUT, "README.md"), "w") as f:
        f.write("# Golden data\n\nWhat MXNet, GluonCV, timm, torch, Pillow and OpenCV compute; a part of the full "
                "folder, made by\n`tests/golden/make_subset.py`. `nestor_golden` compares all of it.\n")


if __name__ == "__main__":
    main()
