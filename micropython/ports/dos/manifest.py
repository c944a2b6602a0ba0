# What is frozen into MPYTHON.EXE.
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
freeze("modules")  # noqa: F821
include("$(PORT_DIR)/../../manifest_programs.py")  # noqa: F821
