"""Run a command that ends when our standard input does: ``python leash.py COMMAND [ARGUMENT ...]``.

Whoever starts this holds the other end of the pipe. However it ends, even killed, the pipe closes
and the command is told to stop, so that no process stays behind.
"""

import os
import signal
import subprocess
import sys
import threading
import time

PATIENCE = 30  # seconds a command has to stop by itself


def main(command: list[str]) -> int:
    """Run *command*; return its exit code."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    asked: list[float] = []

    def stop(*_: object) -> None:
        asked.append(time.monotonic())
        process.terminate()

    def wait_for_end_of_input() -> None:
        while os.read(0, 1024):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C at a terminal reaches the command as well; the end of our input decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    while process.poll() is None:
        try:
            process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if asked and time.monotonic() - asked[0] > PATIENCE:
                process.kill()
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
