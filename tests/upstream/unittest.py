# The part of `unittest` that MicroPython's own tests use, for the interpreter: the pinned source
# comes without micropython-lib, which has the whole of it. What it prints last is what
# tests/run-tests.py looks for.

import sys


class SkipTest(Exception):
    pass


class Raises:
    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        assert kind is not None, "{!r} not raised".format(self.kind)
        self.exception = value
        return issubclass(kind, self.kind)


class TestCase:
    def setUp(self):
        pass

    def tearDown(self):
        pass

    def skipTest(self, reason):
        raise SkipTest(reason)

    def assertEqual(self, first, second, msg=""):
        assert first == second, msg or "{!r} is not {!r}".format(first, second)

    def assertIn(self, item, container, msg=""):
        assert item in container, msg or "{!r} is not in {!r}".format(item, container)

    def assertIsInstance(self, value, kind, msg=""):
        assert isinstance(value, kind), msg or "{!r} is no {!r}".format(value, kind)

    def assertRaises(self, kind, function=None, *args, **kwargs):
        context = Raises(kind)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)


def skipIf(condition, reason):
    def decorate(function):
        if not condition:
            return function

        def skipped(*args):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def run_case(case, name):
    """One test method: None, or the exception that ended it."""
    case.setUp()
    try:
        getattr(case, name)()
    except Exception as error:
        return error
    finally:
        case.tearDown()


def main(module="__main__"):
    ran = skipped = failures = errors = 0
    module = __import__(module)
    for kind in (getattr(module, name) for name in dir(module)):
        if not (isinstance(kind, type) and issubclass(kind, TestCase) and kind is not TestCase):
            continue
        case = kind()
        if hasattr(kind, "setUpClass"):
            kind.setUpClass()
        for name in dir(case):
            if not name.startswith("test"):
                continue
            error = run_case(case, name)
            print("{} ({}) ... {!r}".format(name, kind.__name__, error))
            if error and not isinstance(error, SkipTest):
                sys.print_exception(error)
            ran += 1
            skipped += isinstance(error, SkipTest)
            failures += isinstance(error, AssertionError)
            errors += error is not None and not isinstance(error, (SkipTest, AssertionError))
        if hasattr(kind, "tearDownClass"):
            kind.tearDownClass()
    print("-" * 70)
    print("Ran {} tests".format(ran))
    print()
    if failures or errors:
        print("FAILED (failures={}, errors={})".format(failures, errors))
    else:
        print("OK (skipped={})".format(skipped) if skipped else "OK")
