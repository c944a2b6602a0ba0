"""keyboard-interactive, and passwords that have expired."""

import errno
import secrets
import subprocess
import textwrap

import pytest
from harness import servers
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

FRESH = """
s = _ssh.Session(dial(), hostkey=P["fingerprint"])
def keyboard(user, answers, submethods=""):
    answers = list(answers)
    seen = []
    def handler(name, instruction, prompts):
        seen.append((name, instruction, prompts))
        return answers.pop(0) if answers else None
    try:
        got = s.userauth_keyboard_interactive(user, handler, submethods)
    except Exception as e:
        got = (type(e).__name__, e.args[0], str(e))
    return got, seen
def ends():
    return s.closed, s.authenticated
"""


@pytest.fixture(scope="session")
def logins(start_server):
    return start_server(servers.LoginServer)


@pytest.fixture(scope="session")
def pam(sshd_with, site):
    if site.account.password is None:
        pytest.skip("no password without a temporary account, which takes root")
    return sshd_with("UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no")


def mpy(script, server, **more):
    return run_mpy(FRESH + textwrap.dedent(script), **server.params(), **more).out


def test_one_question(logins):
    got = mpy(
        """
        out(keyboard("ask", [["wrong"]])[0][:2] == ("SSHError", _ssh.ERR_AUTH_FAILED))
        out(keyboard("ask", [[P["password"]]], "pam,otp"))
        out(s.exec("id"))
        """,
        logins,
    )
    assert got == [True, (True, [("", "kinds: pam,otp", [("Password: ", False)])]), b"in\n"]


@pytest.mark.parametrize("form", ["bytes", "bytearray"])
def test_forms_of_answers(logins, form):
    got = mpy(f"""out(keyboard(b"ask", [({form}(P["password"].encode()),)], b"")[0])""", logins)
    assert got == [True]


def test_rounds_with_and_without_questions(logins):
    got = mpy(
        """
        out(keyboard("rounds", [[P["password"], "123456"], None, ["yes \\u00e4"]]))
        out(s.exec("id"))
        """,
        logins,
    )
    assert got[0] == (
        True,
        [
            ("Sign in", "Two things, please.", [("Password: ", False), ("Code: ", True)]),
            ("", "Both are right.", []),
            ("", "", [("Really? ", True)]),
        ],
    )
    assert got[1] == b"in\n"


def test_texts_are_made_printable(logins):
    """ATTACKS 51: nothing that a terminal obeys reaches the program."""
    (result, seen) = mpy("""out(keyboard("texts", [[P["password"]]]))""", logins)[0]
    assert result is True
    name, instruction, ((prompt, echo),) = seen[0]
    assert name == instruction == prompt == "?[31mred? ?left \u00e4\n"
    assert echo is False


BAD = {
    "too few": ("[P['password']]", "ValueError", "asked for 2 answers, the handler gave 1"),
    "too many": ("['a', 'b', 'c']", "ValueError", "the handler gave 3"),
    "nothing": ("None", "TypeError", "list or tuple"),
    "a str": ("'ab'", "TypeError", "list or tuple"),
    "numbers": ("[1, 2]", "TypeError", "str or bytes"),
    "too long": ("['x' * 100000, '']", "SSHError", "too long"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_answers(logins, name):
    """A clear error; the login is given up, and another one may follow."""
    answer, kind, text = BAD[name]
    got = mpy(
        f"""
        out(keyboard("rounds", [{answer}])[0])
        out(ends())
        s.pump()
        out(s.userauth_password("tester", P["password"]))
        out(s.exec("id"))
        """,
        logins,
    )
    assert got[0][0] == kind and text in got[0][2], got[0]
    assert got[1:] == [(False, False), True, b"in\n"]


def test_a_handler_that_raises(logins):
    got = mpy(
        """
        def handler(name, instruction, prompts):
            raise KeyError("mine")
        out(err(s.userauth_keyboard_interactive, "ask", handler)[0])
        out(ends())
        out(keyboard("ask", [[P["password"]]])[0])
        out(err(s.userauth_keyboard_interactive, "ask", None)[0])
        """,
        logins,
    )
    assert got == ["KeyError", (False, False), True, "TypeError"]


def test_a_handler_that_uses_the_session(logins):
    """ATTACKS 67: refused, and nothing is lost."""
    got = mpy(
        """
        def handler(name, instruction, prompts):
            out([err(f)[1] == P["busy"] for f in (s.close, s.pump, lambda: s.exec("id"))])
            return [P["password"]]
        out(s.userauth_keyboard_interactive("ask", handler))
        out(s.exec("id"))
        """,
        logins,
        busy=errno.EBUSY,
    )
    assert got == [[True] * 3, True, b"in\n"]


def test_the_time_of_a_person_is_not_the_server_s(logins):
    got = mpy(
        """
        s.timeout = 1
        def handler(name, instruction, prompts):
            time.sleep(2)
            return [P["password"]]
        out(s.userauth_keyboard_interactive("ask", handler))
        """,
        logins,
    )
    assert got == [True]


def test_a_server_that_never_stops_asking(logins):
    """The session ends with a clear error after 32 rounds."""
    got = mpy(
        """
        result, seen = keyboard("forever", [["x"]] * 100)
        out((result[1] == _ssh.ERR_TOO_MANY_PROMPTS, result[2], len(seen)))
        out(ends())
        """,
        logins,
    )
    assert got[0][0] and "more questions" in got[0][1] and got[0][2] == 32
    assert got[1] == (True, False)


def test_not_offered(sshd_with):
    server = sshd_with("KbdInteractiveAuthentication no")
    got = mpy(
        """
        result, seen = keyboard(P["user"], [])
        out((result[1] == _ssh.ERR_AUTH_FAILED, seen, s.auth_methods))
        """,
        server,
    )
    assert got[0][:2] == (True, []) and "keyboard-interactive" not in got[0][2]


def test_openssh_with_pam(pam):
    got = mpy(
        """
        out(keyboard(P["user"], [["wrong"]])[0][:2] == ("SSHError", _ssh.ERR_AUTH_FAILED))
        out(keyboard(P["user"], [[P["password"]], None]))
        out(s.exec("echo in"))
        """,
        pam,
    )
    assert got[0] is True and got[1][0] is True and got[2] == b"in\n"
    name, _, prompts = got[1][1][0]
    assert len(prompts) == 1 and "assword" in prompts[0][0] and prompts[0][1] is False, name


def test_openssh_with_pam_and_an_expired_password(pam, site):
    """The new one is asked for in further rounds."""
    new = secrets.token_hex(10)
    subprocess.run(["chage", "-d", "0", site.account.name], check=True)
    try:
        got = mpy(
            """
            seen = []
            def handler(name, instruction, prompts):
                seen.append([text for text, echo in prompts])
                old = len(seen) == 1 or any("urrent" in text for text, echo in prompts)
                return [P["password"] if old else P["new"] for _ in prompts]
            out(s.userauth_keyboard_interactive(P["user"], handler))
            out(seen)
            out(s.exec("echo in"))
            """,
            pam,
            new=new,
        )
    finally:
        line = f"{site.account.name}:{site.account.password}\n"
        subprocess.run([servers.find("chpasswd")], check=True, text=True, input=line)
    assert got[0] is True and got[2] == b"in\n"
    assert any("ew password" in text for texts in got[1] for text in texts)


# ---------------------------------------------------------------- expired passwords


def test_expired_password(logins):
    got = mpy(
        """
        code = _ssh.ERR_PASSWORD_EXPIRED
        kind, number, text = err(s.userauth_password, "expired", P["password"])
        out((kind, number == code, text))
        out(ends())
        out(s.userauth_password("expired", P["password"], "eightlong"))
        out(s.exec("id"))
        """,
        logins,
    )
    assert got[0][:2] == ("SSHError", True)
    assert got[0][2].startswith("password expired") and "new_password" in got[0][2]
    assert got[0][2].endswith(": Choose a new password, ?[1mnow?[0m")
    assert got[1:] == [(False, False), True, b"in\n"]


def test_new_password_from_a_function(logins):
    """It is called again with the server's text while the server does not like what it gives."""
    got = mpy(
        """
        seen, answers = [], ["short", b"longer!", bytearray(b"eightlong")]
        def new(prompt):
            seen.append(prompt)
            return answers.pop(0)
        out(s.userauth_password("expired", P["password"], new_password=new))
        out(seen)
        out(s.exec("id"))
        """,
        logins,
    )
    prompts = ["Choose a new password, ?[1mnow?[0m"] + ["Eight letters at least"] * 2
    assert got == [True, prompts, b"in\n"]


def test_new_password_that_is_not_taken(logins):
    got = mpy(
        """
        code, calls = _ssh.ERR_PASSWORD_EXPIRED, []
        def new(prompt):
            calls.append(prompt)
            return "eightlong"
        for source in ("short", new, lambda prompt: None):
            kind, number, text = err(s.userauth_password, "never", P["password"], source)
            out((kind, number == code, text, len(calls)))
        out(err(s.userauth_password, "never", P["password"], lambda prompt: 7)[0])
        out(err(s.userauth_password, "never", P["password"], lambda prompt: {}["x"])[0])
        out(ends())
        out(s.userauth_password("tester", P["password"], "not needed"))
        out(s.exec("id"))
        """,
        logins,
    )
    assert all(answer[:2] == ("SSHError", True) for answer in got[:3])
    assert "does not take the new one: Eight letters" in got[0][2]
    assert "does not take the new one: Eight letters" in got[1][2] and got[1][3] == 5
    assert got[2][2].startswith("password expired: the server wants a new one")
    assert got[3:] == ["TypeError", "KeyError", (False, False), True, b"in\n"]


def test_wrong_old_password(logins):
    got = mpy(
        """
        kind, number, text = err(s.userauth_password, "expired", "wrong", "eightlong")
        out((kind, number == _ssh.ERR_AUTH_FAILED))
        """,
        logins,
    )
    assert got == [("SSHError", True)]
