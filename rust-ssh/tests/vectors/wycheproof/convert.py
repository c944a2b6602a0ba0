#!/usr/bin/env python3
"""Turn Project Wycheproof's JSON files into lines that a test can split at spaces.

Usage: convert.py FOLDER, with FOLDER the testvectors_v1 of a checkout of C2SP/wycheproof.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def tests(folder, name):
    """All tests of a file, each with its group."""
    data = json.loads((folder / f"{name}_test.json").read_text(encoding="utf-8"))
    for group in data["testGroups"]:
        for test in group["tests"]:
            yield group, test


def write(name, columns, rows):
    """One file: a line that names the columns, then the rows; - is an empty field."""
    lines = ["# " + columns]
    lines += [" ".join(str(field) or "-" for field in row) for row in rows]
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


def main():
    """Convert what the core has."""
    folder = pathlib.Path(sys.argv[1])
    write(
        "x25519",
        "tcId private public shared flags",
        (
            (t["tcId"], t["private"], t["public"], t["shared"], ",".join(t["flags"]))
            for _, t in tests(folder, "x25519")
        ),
    )
    write(
        "ed25519",
        "tcId public message signature result",
        (
            (t["tcId"], g["publicKey"]["pk"], t["msg"], t["sig"], t["result"])
            for g, t in tests(folder, "ed25519")
        ),
    )
    for name, bits in ("hmac_sha1", 160), ("hmac_sha256", 256), ("hmac_sha512", 512):
        # The core signs four bytes of sequence number first and never cuts a tag.
        write(
            name,
            "tcId key message tag result",
            (
                (t["tcId"], t["key"], t["msg"], t["tag"], t["result"])
                for g, t in tests(folder, name)
                if g["tagSize"] == bits and len(t["msg"]) >= 8
            ),
        )
    for bits in 256, 384, 521:
        write(
            f"ecdh_p{bits}",
            "tcId private public shared result",
            (
                (t["tcId"], t["private"], t["public"], t["shared"], t["result"])
                for _, t in tests(folder, f"ecdh_secp{bits}r1_ecpoint")
                if bits == 256 or t["tcId"] % 3 == 0
            ),
        )
    write(
        "aes_gcm",
        "tcId key iv aad message ciphertext tag result",
        (
            (*(t[name] for name in ("tcId", "key", "iv", "aad", "msg", "ct", "tag", "result")),)
            for g, t in tests(folder, "aes_gcm")
            if (g["ivSize"], g["tagSize"]) == (96, 128) and g["keySize"] != 192
        ),
    )
    write(
        "mlkem_768",
        "tcId seed ek ciphertext shared result",
        (
            (t["tcId"], t["seed"], t["ek"], t["c"], t["K"], t["result"])
            for _, t in tests(folder, "mlkem_768")
            if "ek" in t and (t["result"] != "valid" or t["tcId"] % 8 == 0)
        ),
    )
    write(
        "mlkem_768_encaps",
        "tcId random ek ciphertext shared result",
        (
            (t["tcId"], t["m"], t["ek"], t["c"], t["K"], t["result"])
            for _, t in tests(folder, "mlkem_768_encaps")
            if t["tcId"] % 8 == 0
        ),
    )


if __name__ == "__main__":
    main()
