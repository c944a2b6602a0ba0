"""asyncssh server with the rarer ways to log in: PORT HOSTKEY AUTHORIZED_KEYS PASSWORD.

What happens depends on the user:
  ask      one question, for the password
  rounds   two questions, then a message without any, then one more question
  texts    a question whose texts hold what no terminal should get
  forever  one question after the other
  expired  the password is right and must be changed; the new one needs eight letters
  never    as before, but no new one is taken
  open     anybody may come in
"""

import asyncio
import logging
import sys

import asyncssh

PORT, HOSTKEY, AUTHORIZED, PASSWORD = sys.argv[1:5]
ESCAPES = "\x1b[31mred\x07 \u202eleft \u00e4\r\n"
ROUNDS = [
    ("Sign in", "Two things, please.", "en", [("Password: ", False), ("Code: ", True)]),
    ("", "Both are right.", "", []),
    ("", "", "", [("Really? ", True)]),
]
ANSWERS = [[PASSWORD, "123456"], [], ["yes \u00e4"]]


class Server(asyncssh.SSHServer):
    def __init__(self):
        self.round = 0

    def begin_auth(self, username):
        return username != "open"

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        if username in ("expired", "never") and password == PASSWORD:
            raise asyncssh.PasswordChangeRequired("Choose a new password, \x1b[1mnow\x1b[0m")
        return password == PASSWORD

    def change_password(self, username, old_password, new_password):
        if username == "never" or len(new_password) < 8:
            raise asyncssh.PasswordChangeRequired("Eight letters at least")
        return old_password == PASSWORD

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        self.round = 0
        if username == "ask":
            return "", f"kinds: {submethods}", "", [("Password: ", False)]
        if username == "rounds":
            return ROUNDS[0]
        if username == "texts":
            return ESCAPES, ESCAPES, "", [(ESCAPES, False)]
        if username == "forever":
            return "", "", "", [("Again: ", True)]
        return False

    def validate_kbdint_response(self, username, responses):
        if username == "forever":
            return "", "", "", [("Again: ", True)]
        if username != "rounds":
            return responses == [PASSWORD]
        if responses != ANSWERS[self.round]:
            return False
        self.round += 1
        return ROUNDS[self.round] if self.round < len(ROUNDS) else True


async def run(process):
    process.stdout.write(b"in\n")
    process.exit(0)


async def main():
    logging.basicConfig(level=logging.INFO)
    await asyncssh.listen(
        "127.0.0.1",
        int(PORT),
        server_factory=Server,
        server_host_keys=[HOSTKEY],
        authorized_client_keys=AUTHORIZED,
        process_factory=run,
        encoding=None,
    )
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
