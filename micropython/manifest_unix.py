# What scripts/build freezes into the unix interpreter: asyncio, our programs, and nothing of
# micropython-lib, which the pinned source does not carry.
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
include("manifest_programs.py")  # noqa: F821
