"""A sound card for phones that have none: what is said into the microphone, and what is heard, are bytes in pipes.

The phones open it by ALSA's file plugin. Its clock is the pace at which this side writes and reads.
"""
import array
import fcntl
import math
import os
import threading
import time

RATE = 8000
FRAME = RATE // 50  # samples of 20 ms
LOUD = 8000


class SoundCard:
    """Says one tone without end, and keeps what the phone plays, as 16-bit samples."""

    def __init__(self, folder, tone):
        self.tone, self.heard, self.ended = tone, bytearray(), False
        self.microphone, self.speaker = f"{folder}/microphone", f"{folder}/speaker"
        for path in (self.microphone, self.speaker):
            os.mkfifo(path)
        self.configuration = f"{folder}/.asoundrc"
        with open(self.configuration, "w") as file:
            for name, way in (("microphone", f"file /dev/null infile {self.microphone}"), ("speaker", f"file {self.speaker}")):
                file.write(f"pcm.{name} {{ type file slave.pcm null {way} format raw }}\n")
            file.write("pcm.silent { type null }\n")
        # Opened for both ways, so that neither waits for the phone and the pipe stays when the phone closes it.
        self.pipes = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in (self.microphone, self.speaker)]
        for pipe in self.pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        # 400 samples hold a whole number of waves of any tone that is a multiple of 20 Hz.
        samples = [int(LOUD * math.sin(2 * math.pi * self.tone * index / RATE)) for index in range(400)]
        wave = array.array("h", samples * 4).tobytes()
        at, next_turn = 0, time.monotonic()
        while not self.ended:
            try:
                os.write(self.pipes[0], wave[at:at + 2 * FRAME])
                at = (at + 2 * FRAME) % (2 * len(samples))
            except BlockingIOError:
                pass  # Nobody listens to the microphone.
            try:
                self.heard += os.read(self.pipes[1], 2 * FRAME)
            except BlockingIOError:
                pass  # Nobody plays anything.
            next_turn = max(next_turn + 0.02, time.monotonic() - 0.2)
            time.sleep(max(0, next_turn - time.monotonic()))

    def end(self):
        self.ended = True
        self.thread.join()
        for pipe in self.pipes:
            os.close(pipe)

    def seconds_heard(self, tone):
        """How many seconds of what was heard are that tone: those tenths that have little else."""
        samples = array.array("h", bytes(self.heard[:len(self.heard) // 2 * 2]))
        step = RATE // 10
        tenths = [samples[start:start + step] for start in range(0, len(samples) - step + 1, step)]
        return sum(share(tenth, tone) > 0.8 for tenth in tenths) / 10


def share(samples, tone):
    """The part of the samples' energy that a tone has, from 0 to 1 (Goertzel's algorithm)."""
    energy = sum(sample * sample for sample in samples)
    if energy < len(samples) * 100 * 100:
        return 0  # silence
    factor, last, before = 2 * math.cos(2 * math.pi * tone / RATE), 0.0, 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return power / (energy * len(samples) / 2)
