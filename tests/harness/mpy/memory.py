# Looks through the memory of this process. Linux only.


def held(first, second):
    """How often `first` stands there with the inverse of `second` behind it. Given apart and so,
    the secret that they make is not in memory because it is looked for.
    """
    found = 0
    size = len(second)
    for line in open("/proc/self/maps"):
        if "rw-p" not in line or "[v" in line:
            continue
        low, high = (int(x, 16) for x in line.split()[0].split("-"))
        if high - low > 1 << 26:
            continue  # shadow memory of a sanitizer
        with open("/proc/self/mem", "rb") as mem:
            mem.seek(low)
            while low < high:
                block = mem.read(min(16384, high - low))
                low += len(block)
                at = block.find(first)
                while at >= 0:
                    behind = block[at + len(first) : at + len(first) + size]
                    found += bytes(x ^ 255 for x in behind) == second
                    at = block.find(first, at + 1)
    return found
