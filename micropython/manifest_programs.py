# The programs ssh, scp, sftp and keygen (docs/programs.md), for the manifest of any port:
#     include("<this repository>/micropython/manifest_programs.py")
package("ssh", base_path="modules")  # noqa: F821
module("scp.py", base_path="modules")  # noqa: F821
module("sftp.py", base_path="modules")  # noqa: F821
module("keygen.py", base_path="modules")  # noqa: F821
