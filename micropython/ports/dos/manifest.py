# What is frozen into MPYTHON.EXE.
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
freeze("modules")  # noqa: F821
