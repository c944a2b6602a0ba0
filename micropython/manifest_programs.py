# The programs ssh, scp and sftp (docs/programs.md), for the manifest of any port:
#     include("<this repository>/micropython/manifest_programs.py")
package("ssh", base_path="modules")  # noqa: F821
module("scp.py", base_path="modules")  # noqa: F821
module("sftp.py", base_path="modules")  # noqa: F821
