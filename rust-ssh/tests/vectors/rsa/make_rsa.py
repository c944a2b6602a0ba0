#!/usr/bin/env python3
"""Write rsa.txt: signatures made by openssl, and blocks with wrong padding, signed all the same.

Each line: modulus, exponent, message, hash function, signature, verdict, what it is. The faults
are those of RFC 8017 section 9.2 that verifiers have overlooked (ATTACKS 32).
"""

import hashlib
import os
import subprocess
import tempfile

from cryptography.hazmat.primitives import serialization

INFO = {
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha512": "3051300d060960864801650304020305000440",
}
MESSAGE = b"what is signed"


def generate(folder, bits, exponent):
    path = os.path.join(folder, f"{bits}-{exponent}")
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-out", path]
    options = [f"rsa_keygen_bits:{bits}", f"rsa_keygen_pubexp:{exponent}"]
    for option in options:
        command += ["-pkeyopt", option]
    subprocess.run(command, check=True, capture_output=True)
    with open(path, "rb") as file:
        return path, serialization.load_pem_private_key(file.read(), None).private_numbers()


def sign(path, hash_name):
    command = ["openssl", "dgst", "-" + hash_name, "-sign", path]
    return subprocess.run(command, input=MESSAGE, check=True, capture_output=True).stdout


def bad_blocks(size):
    digest = hashlib.sha256(MESSAGE).digest()
    info = bytes.fromhex(INFO["sha256"])
    tail = info + digest
    no_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    long_form = bytes.fromhex("3081313081" + "0d060960864801650304020105000420") + digest
    sha1 = bytes.fromhex(INFO["sha1"]) + hashlib.sha1(MESSAGE).digest()

    def pad(tail, kind=1, fill=0xFF):
        return bytes([0, kind]) + bytes([fill]) * (size - 3 - len(tail)) + b"\0" + tail

    yield (
        "garbage behind the digest",
        b"\0\1" + b"\xff" * 8 + b"\0" + tail + b"\x5a" * (size - 11 - len(tail)),
    )
    yield "parameters left out", pad(no_null)
    yield "length in long form", pad(long_form)
    yield "block type 2", pad(tail, kind=2)
    yield "block type 0", pad(tail, kind=0, fill=0)
    yield "one byte of padding wrong", pad(tail)[:9] + b"\xfe" + pad(tail)[10:]
    yield "no zero before the digest info", pad(b"\xff" + tail)[: -1 - len(tail)] + b"\xff" + tail
    yield "digest alone", pad(digest)
    yield "another hash function", pad(sha1)
    yield "digest cut short", pad(info + digest[:-1])
    yield "one bit of the digest", pad(tail)[:-1] + bytes([tail[-1] ^ 1])
    yield "shifted by a byte", pad(tail)[1:] + b"\0"


def lines():
    with tempfile.TemporaryDirectory() as folder:
        for bits, exponent in [
            (2048, 65537), (2048, 3), (2056, 65537), (3072, 65537), (4096, 65537), (8192, 65537),
        ]:  # fmt: skip
            path, key = generate(folder, bits, exponent)
            n, e, size = key.public_numbers.n, key.public_numbers.e, (bits + 7) // 8
            head = f"{n:x} {e:06x} {MESSAGE.hex()}"
            for hash_name in ("sha256", "sha512"):
                good = sign(path, hash_name)
                other = "sha512" if hash_name == "sha256" else "sha256"
                yield f"{head} {hash_name} {good.hex()} valid openssl"
                yield f"{head} {other} {good.hex()} invalid other-hash"
            number = int.from_bytes(good, "big")
            flipped = number ^ 1 << 77
            yield f"{head} sha512 {flipped.to_bytes(size, 'big').hex()} invalid one-bit"
            if number + n < 1 << 8 * size:
                above = (number + n).to_bytes(size, "big").hex()
                yield f"{head} sha512 {above} invalid not-below-the-modulus"
            yield f"{head} sha512 00{good.hex()} invalid too-long"
            yield f"{head} sha512 {good[:-1].hex()} invalid cut"
            yield f"{head} sha512 {'00' * size} invalid zero"
            yield f"{head} sha512 {(n - 1).to_bytes(size, 'big').hex()} invalid minus-one"
            if bits > 2048:
                continue
            for name, block in bad_blocks(size):
                made = pow(int.from_bytes(block, "big"), key.d, n).to_bytes(size, "big")
                yield f"{head} sha256 {made.hex()} invalid {name.replace(' ', '-')}"


def main():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rsa.txt"), "w") as file:
        file.write("# modulus exponent message hash signature verdict what; made by make_rsa.py\n")
        for line in lines():
            file.write(line + "\n")


if __name__ == "__main__":
    main()
