"""Waiting: one task per connection waits for its socket and moves what can be moved.

All calls go to a session that never waits (`timeout=0` of `_ssh.Session`). One that raises EAGAIN
waits here until bytes have moved, and is made again. Only sockets are waited for: MicroPython asks
objects without a descriptor, such as channels, every millisecond.
"""

import errno
import select
from asyncio import core
from time import ticks_add, ticks_diff, ticks_ms

# The longest time without a look at the session's clocks (keepalive, new keys).
_LONGEST_MS = 30000
# So many calls in a row that did not have to wait let others have their turn.
_TURN = 32


class Once:
    """What a coroutine gives, as something to await and for `async with`."""

    def __init__(self, coroutine):
        self._coroutine = coroutine
        self._made = None

    def __iter__(self):
        return self._coroutine

    # What makes a task of it.

    def send(self, value):
        """On with the coroutine."""
        return self._coroutine.send(value)

    def throw(self, *exc):
        """An exception for the coroutine."""
        return self._coroutine.throw(*exc)

    def close(self):
        """End the coroutine."""
        self._coroutine.close()

    async def __aenter__(self):
        self._made = await self._coroutine
        return await self._made.__aenter__()

    async def __aexit__(self, *exc):
        return await self._made.__aexit__(*exc)


class Lines:
    """Iterates over what readline() gives."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line


class Closing:
    """Closed at the end of `async with`; an error on the way is the one to tell."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, *exc):
        try:
            await self.close()
        except OSError:
            if kind is None:
                raise


def wake(queue):
    """All tasks of a queue run again."""
    while queue.peek():
        core._task_queue.push(queue.pop())


def wait_in(queue):
    """Until wake(queue). To be awaited."""
    queue.push(core.cur_task)
    core.cur_task.data = queue  # from where a cancelled task is removed
    yield


def readable(sock):
    """Until a socket has something, or its end. To be awaited."""
    yield core._io_queue.queue_read(sock)


def writable(sock):
    """Until a socket takes something. To be awaited."""
    yield core._io_queue.queue_write(sock)


def is_again(error):
    """Whether an exception says that the call has to be made again."""
    return isinstance(error, OSError) and error.args[:1] == (errno.EAGAIN,)


class SocketLine:
    """A session's own socket."""

    def __init__(self, sock):
        self.sock = sock
        self.queue = core._io_queue

    def wait(self, want):
        """Until it is ready as `want` says. To be awaited."""
        try:
            if want & select.POLLIN:
                self.queue.queue_read(self.sock)
            if want & select.POLLOUT:
                self.queue.queue_write(self.sock)
            yield
        finally:
            # Where both were waited for, one is still there.
            self.queue.remove(core.cur_task)

    def after(self):
        """Bytes may have moved."""

    def close(self):
        """Close the socket."""
        self.sock.close()


class ChannelLine:
    """A channel of another connection, which this one runs through."""

    def __init__(self, channel):
        self.sock = channel.native
        self.channel = channel
        self.queue = core.TaskQueue()

    def wait(self, want):
        """Until the channel is ready as `want` says. To be awaited."""
        mask = (1 if want & select.POLLIN else 0) | (4 if want & select.POLLOUT else 0)
        outer = self.channel.conn.session
        there = self.channel.flags() & mask
        if there & 1 or (there and not outer.want & select.POLLOUT):
            yield from core.sleep_ms(0)  # it is ready already
            return
        self.channel.watch(mask, self.queue)
        try:
            yield from wait_in(self.queue)
        finally:
            self.channel.watch(0, None)

    def after(self):
        """Bytes may have moved: here they are those of the outer connection."""
        self.channel.conn.pump.after()

    def close(self):
        """Close the channel, at once."""
        self.channel.abort()


class Pump:
    """Serves one session: a task that waits for its line, and one with a clock."""

    def __init__(self, session, line, at_end):
        self.session = session
        self._at_end = at_end
        self.line = line
        self.error = None  # why the session is dead
        self.closed = False
        self.channels = []
        self._calls = 0
        self._waking = False
        self.queue = core.TaskQueue()
        self._want = select.POLLIN
        self._clock_at = ticks_ms()
        self._tasks = (core.create_task(self._run()), core.create_task(self._clock()))

    # ------------------------------------------------------------ the two tasks

    async def _run(self):
        session = self.session
        try:
            while True:
                self._want = session.want
                await self.line.wait(self._want)
                session.pump()
                self.after()
        except Exception as e:
            self._fail(e)

    async def _clock(self):
        session = self.session
        try:
            while True:
                ms = session.wait_ms
                ms = _LONGEST_MS if ms is None else max(1, min(ms, _LONGEST_MS))
                self._clock_at = ticks_add(ticks_ms(), ms)
                await core.sleep_ms(ms)
                session.pump()
                self.after()
                wake(self.queue)
        except Exception as e:
            self._fail(e)

    def _fail(self, error):
        """The session is dead: all that wait get its error."""
        if self.error is None and not self.closed:
            self.error = error
            self._at_end()
        self.wake_all()

    # ------------------------------------------------------------ after calls

    def after(self):
        """A call was made: wake those whose turn may have come, wait for the right thing.

        True: more has moved here, by calls for others. So the call may give more by now.
        """
        if self.closed:
            return False
        turns = 0
        session = self.session
        if not self._waking:
            self._waking = True
            try:
                # Channels that write what waits for that move bytes too.
                while session.moved:
                    turns += 1
                    wake(self.queue)
                    for channel in self.channels[:]:
                        channel.moved()
                    self.line.after()
            finally:
                self._waking = False
        try:
            changed = session.want != self._want
        except OSError:
            return False  # it is dead, which whoever has called will hear
        if changed and self.error is None:
            task = self._tasks[0]
            if task.data is self.line.queue:
                task.data.remove(task)
                core._task_queue.push(task)
        return turns > 1

    def wake_all(self):
        """All that wait look again, because the session has ended."""
        wake(self.queue)
        for channel in self.channels[:]:
            channel.moved(True)

    def set_clock(self):
        """The session's clocks may want something sooner than before."""
        ms = self.session.wait_ms
        if ms is not None and ticks_diff(ticks_add(ticks_ms(), ms), self._clock_at) < 0:
            task = self._tasks[1]
            if task is not core.cur_task and not task.done():
                core._task_queue.remove(task)
                core._task_queue.push(task)

    # ------------------------------------------------------------ calls

    async def call(self, function, *args, **more):
        """A call of `_ssh`, made again until it is done."""
        while True:
            try:
                result = function(*args, **more)
            except Exception as e:
                more_moved = self.after()
                if not is_again(e):
                    raise
            else:
                self.after()
                self._calls += 1
                if self._calls % _TURN == 0:
                    await core.sleep_ms(0)
                return result
            if more_moved:
                await core.sleep_ms(0)
            else:
                await self.wait()

    async def wait(self):
        """Until bytes have moved."""
        if self.error is not None:
            raise self.error
        if self.session.wait_ms == 0:
            await core.sleep_ms(0)  # there is more to do at once
        else:
            self.set_clock()
            await wait_in(self.queue)

    async def ask(self, lock, owner, function, *args, **more):
        """The same for a request, of which an owner can have only one under way."""
        await lock.acquire()
        try:
            return await self.call(function, *args, **more)
        except core.CancelledError:
            # A late answer must not be taken for the next one's.
            try:
                owner.abandon()
            except OSError:
                pass
            raise
        finally:
            lock.release()  # `async with` takes memory for that

    def close(self):
        """The end, at once: DISCONNECT is tried, the line closed."""
        if self.closed:
            return
        self.closed = True
        for task in self._tasks:
            if task is not core.cur_task:
                task.cancel()
        try:
            self.session.close()
        finally:
            self.line.after()
            self.line.close()
            self.wake_all()
