"""The process that gives birth to workers: it imports what they need once, and forks them from itself.

It is small and single-threaded, so that forking it is safe, which forking a process with tables and thread pools in it
is not. It does not import the user's own script, as the standard library's fork server does, so that a script needs no
guard around its first line. When the process that started it goes away, it takes the workers with it.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection

from tenfold.foundation.memory import give_back
from tenfold.foundation.optional import hidden
from tenfold.foundation.process import be_ours

FORK, WAIT = b"f", b"w"
NUMBER = struct.Struct("!q")

_NOT_NEEDED = ("pandas", "pyarrow")
"""Libraries of models import these when they are there, to take tables of theirs, which workers never hand them."""


def main(descriptor: int, preload: list[str], *, once: bool) -> None:
    """Serve one parent over a socket until it goes away.

    ``once`` says whether this process imports what is to be preloaded, and workers are forked with it; else each worker
    imports it for itself, at the same time as the others.

    The parent sends FORK with a descriptor for the new worker and gets its process number, or WAIT with a process
    number and gets the status with which it ended.
    """
    be_ours()
    control = socket.socket(fileno=descriptor)
    if once:
        _import(preload)
    children: set[int] = set()
    while True:
        order, descriptors = _heard(control)
        if order == FORK:
            child = os.fork()
            if child == 0:
                control.close()
                _work(Connection(descriptors[0]), [] if once else preload)
            os.close(descriptors[0])
            children.add(child)
            _tell(control, child)
        elif order == WAIT:
            (child,) = NUMBER.unpack(receive(control, NUMBER.size))
            _, status = os.waitpid(child, 0)
            children.discard(child)
            _tell(control, os.waitstatus_to_exitcode(status))
        else:
            for child in children:
                os.kill(child, signal.SIGKILL)
            return


def _heard(control: socket.socket) -> tuple[bytes, list[int]]:
    """Return an order and what came with it; an empty one when the parent is gone."""
    try:
        order, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    except ConnectionResetError:
        # It went without having read all answers, as one does that is killed.
        return b"", []
    return order, descriptors


def _tell(control: socket.socket, number: int) -> None:
    # A parent that is gone is noticed at the next order.
    with suppress(BrokenPipeError, ConnectionResetError):
        control.sendall(NUMBER.pack(number))


def _import(modules: list[str]) -> None:
    """Import modules as if those that are not needed were not installed: every worker has a copy of all of it."""
    with hidden(*(name for name in _NOT_NEEDED if name not in modules)):
        for module in modules:
            importlib.import_module(module)


def receive(control: socket.socket, size: int) -> bytes:
    """Return exactly ``size`` bytes; EOFError when the other side goes away first."""
    content = b""
    while len(content) < size:
        part = control.recv(size - len(content))
        if not part:
            raise EOFError("the other side of the socket is gone")
        content += part
    return content


def _work(connection: Connection, preload: list[str]) -> None:
    """Answer calls until the parent goes away, then end without the clean-up that belongs to the nursery."""
    # What cannot be imported ends this process as it would any other: with a traceback.
    _import(preload)
    status = 1
    try:
        while True:
            function, item = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own parent, through a private socket
            connection.send_bytes(_answer(function, item))
            del function, item
            give_back()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _answer(function: object, item: object) -> bytes:
    """Return (True, result) or (False, exception), pickled."""
    assert callable(function)
    try:
        return pickle.dumps((True, function(item)))
    except Exception as error:  # noqa: BLE001 - the transport: whatever a call raises is raised again in the parent
        error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
        return _pickled(error)


def _pickled(error: Exception) -> bytes:
    """Return an exception as an answer; one that cannot travel is told by its text."""
    try:
        content = pickle.dumps((False, error))
        pickle.loads(content)  # noqa: S301 - what was pickled a line above
    except Exception:  # noqa: BLE001 - pickling runs the exception's own code, which may raise anything
        text = "".join(traceback.format_exception(error))
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__} in a worker process:\n{text}")))
    return content
