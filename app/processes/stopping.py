"""How a process ends that was asked to: in peace at first; at the second word, or late, at once.

Nothing is lost by an end at once: what was answered is committed. Peace is for those who wait for
an answer, and for whoever takes over.
"""

import signal
from typing import Final

# Whoever asks for an answer has it by then, or is cut off.
ANSWERS_SECONDS: Final = 20
# Then what hangs is ended. Answers and a delivery under way take less one after the other, and
# systemd would wait for 90.
SECONDS: Final = 60
ASKS: Final = (signal.SIGTERM, signal.SIGINT)
# From whoever watches over this process: it begins the end, and is no second word. A terminal and
# systemd ask all processes of a group at once, so the same word may have come before.
RELAYED: Final = signal.SIGUSR1


def begin(*, later: float = 0.0) -> None:
    """From here on a second signal ends this process at once, and so does the clock.

    `later` are seconds that go before those of the end itself. For the main thread.
    """
    for one in ASKS:
        signal.signal(one, signal.SIG_DFL)
    signal.signal(RELAYED, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, later + SECONDS)
