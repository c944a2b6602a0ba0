"""The programs ssh, scp and sftp beside OpenSSH's: a start, many small files and one large."""

import os
import shutil
import statistics

from harness.mpy import MICROPYTHON

LARGE = "large"


def _lines(server):
    """{tool: (how a line of ours starts, how one of OpenSSH's)}; the rest is the same."""
    known = server.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
    options = [
        *("-F", "none", "-i", str(server.site.key), "-q", f"-oPort={server.port}"),
        *(f"-oUserKnownHostsFile={known}", "-oGlobalKnownHostsFile=none"),
        *("-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes", "-oBatchMode=yes"),
    ]
    heap = ["-X", "heapsize=16m"]
    return {
        tool: ([MICROPYTHON, *heap, "-m", tool, *options], [tool, *options])
        for tool in ("ssh", "scp", "sftp")
    }


def _jobs(server, work):
    """(what, tool, words, the folder that it makes, batch)."""
    where = f"{server.user}@127.0.0.1"
    there, here = work / "there", work / "here"
    batch = work / "batch"
    yield "ssh, true", "ssh", [where, "true"], None, None
    yield "scp -r from the server", "scp", ["-r", f"{where}:{there}/tree", str(here)], here, None
    yield "scp -r to the server", "scp", ["-r", str(there / "tree"), f"{where}:{here}"], here, None
    for what, command in (
        ("sftp, get -r", f"get -r {there}/tree {here}/tree"),
        ("sftp, put -r", f"put -r {there}/tree {here}/tree"),
    ):
        yield what, "sftp", ["-b", str(batch), where], here, command + "\n"


def show_tools(run_line, server, folder, rounds, make_files):
    """Print it. run_line: runs one; make_files: fills a folder with the small files."""
    work = folder / "tools"
    tree = work / "there" / "tree"
    tree.mkdir(parents=True)
    make_files(tree)
    (tree / LARGE).write_bytes(os.urandom(32 << 20))
    count = len(os.listdir(tree))
    lines = _lines(server)
    print(f"programs: {count - 1} small files and one of 32 MiB, all of each process")
    print(f"  {'':<24}{'ours s':>9}{'openssh s':>11}{'ratio':>8}{'CPU ratio':>11}")
    for what, tool, words, here, batch in _jobs(server, work):
        if batch:
            (work / "batch").write_text(batch)
        results = ([], [])
        for number in range(rounds + 1):
            for words_before, runs in zip(lines[tool], results):
                if here:
                    shutil.rmtree(here, ignore_errors=True)
                    here.mkdir(parents=True)
                    here.chmod(0o777)
                done = run_line([*words_before, *words])
                if here and len(os.listdir(here / "tree")) != count:
                    raise RuntimeError(f"{what}: not {count} files")
                if number:
                    runs.append(done)
        ours, theirs = [statistics.median(run.wall for run in runs) for runs in results]
        cpu = [statistics.median(run.cpu for run in runs) for runs in results]
        ratios = f"{theirs / ours:>8.2f}{cpu[1] / cpu[0]:>11.2f}"
        print(f"  {what:<24}{ours:>9.3f}{theirs:>11.3f}{ratios}", flush=True)
    print()
