"""What all files of the package have in common."""

import io


class Stream(io.IOBase):
    """A context manager, and an iterator over its lines; to be given readline() and close()."""

    closed = False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __iter__(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def readlines(self, sizehint=None):
        """The lines up to the end, or until they have sizehint bytes, as a list."""
        lines = []
        size = 0
        for line in self:
            lines.append(line)
            size += len(line)
            if sizehint is not None and size >= sizehint:
                break
        return lines

    def xreadlines(self):
        """The same as iter(file)."""
        return self

    def writelines(self, sequence):
        """write() each of some bytes or str; no newlines are added."""
        for line in sequence:
            self.write(line)
