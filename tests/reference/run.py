"""Makes random projects and judges each by both engines and by definition.

    python3 tests/reference/run.py --tamis target/debug/tamis --projects 2000 [--first SEED]

Where they differ, the project is kept, with how to repeat it.
"""

import argparse
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import traceback

import compare
from files import write
from generate import Project


def judged(job):
    """(seed, rows, differences) of one project."""
    seed, tamis, kept = job
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent) / "project"
        data, history = write(Project(seed), folder)
        setting = compare.Setting(folder, tamis, data, history)
        try:
            found, rows = compare.differences(setting.dump(), setting, runs_of(seed))
        except compare.Failed as it:
            found, rows = [f"the command failed: {it}"], 0
        except Exception:
            found, rows = [f"the reference failed: {traceback.format_exc()}"], 0
        if found:
            keep(folder, pathlib.Path(kept) / str(seed), history, found)
    return seed, rows, found


def runs_of(seed):
    """The interpreter, and DataFusion with one thread or several."""
    return (compare.RUNS[0], compare.RUNS[1 + seed % 2])


def keep(folder, to, history, found):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    past = "".join(f" --history {it}" for it in history)
    (to / "DIFFERENCES.txt").write_text("\n".join(found) + "\n", encoding="utf-8")
    script = f'"${{TAMIS:-tamis}}" run today{past} --max-rejected 100% --out /dev/stdout --quiet\n'
    (to / "run.sh").write_text(f'cd "$(dirname "$0")"\n{script}', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tamis", default="target/debug/tamis")
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", default="target/reference")
    parser.add_argument("--show", type=int, default=5, help="differences to print of a project")
    it = parser.parse_args()
    tamis = str(pathlib.Path(it.tamis).resolve())
    jobs = [(seed, tamis, it.keep) for seed in range(it.first, it.first + it.projects)]
    rows = different = 0
    with multiprocessing.Pool(it.jobs) as pool:
        for seed, own, found in pool.imap_unordered(judged, jobs, chunksize=4):
            rows += own
            if found:
                different += 1
                print(f"seed {seed}, kept in {it.keep}/{seed}: {len(found)} differences")
                for words in found[: it.show]:
                    print(f"  {words[:600]}")
                sys.stdout.flush()
    print(f"{it.projects} projects, {rows} judged rows, {different} projects with differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
