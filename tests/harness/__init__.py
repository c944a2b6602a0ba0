"""Throw-away SSH servers, faulty networks and the interpreter under test."""
