#!/usr/bin/env python3
"""Two real phones, each behind a NAT of its own, register at a real SIP proxy, and one calls the other.

The phones are Debian's twinkle-console, which asks a STUN server for the address that it registers with, or Debian's
baresip, which talks through a TURN server; the proxy is Debian's kamailio. Each phone says a tone of its own.
Needs root and what `Scripts/nat-namespaces KIND up-pair PREFIX` has built. Writes one line of JSON with what happened.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from sound import SoundCard

PROXY = "198.18.7.10"
# Number, namespace and tone of the one who is called, and of the one who calls.
CALLED, CALLER = ("120", "client", 440), ("121", "client2", 1000)
# What a phone must have heard of the other's tone, in seconds.
ENOUGH = 1.0


class Failure(Exception):
    pass


class Process:
    """A program in a namespace, its output in a file."""

    def __init__(self, folder, namespace, command, **environment):
        self.folder, self.output = folder, f"{folder}/output"
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace, *command], stdin=subprocess.PIPE, stdout=output,
                stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )

    def text(self):
        with open(self.output, errors="replace") as file:
            return file.read()

    def end(self):
        self.process.terminate()
        self.wait_for_end()

    def wait_for_end(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Phone(Process):
    def __init__(self, folder, prefix, who, options):
        self.number, namespace, tone = who
        self.card = SoundCard(folder, tone)
        super().__init__(folder, f"{prefix}-{namespace}", self.configure(folder, options), HOME=folder)

    def say(self, words):
        self.process.stdin.write(f"{words}\n".encode())
        self.process.stdin.flush()

    def end(self):
        try:
            self.say("quit")
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended by itself.
        self.wait_for_end()
        self.card.end()

    def media(self):
        """The address that it named for its media, in the description that it sent last."""
        descriptions = self.sent_descriptions()
        return re.findall(r"^c=IN IP4 (\S+)", descriptions[-1], re.M)[-1] if descriptions else None


class Twinkle(Phone):
    registered, rings, talks, failed = "registration succeeded", "incoming call", "call established", "call failed"
    talks_as_caller = "far end answered call"

    def configure(self, folder, options):
        os.mkdir(f"{folder}/.twinkle")
        system = {
            "dev_ringtone": "alsa:silent", "dev_speaker": "alsa:speaker", "dev_mic": "alsa:microphone",
            "validate_audio_dev": "no", "play_ringtone": "no", "play_ringback": "no", "log_show_sip": "yes",
            "log_show_stun": "yes", "sip_port": "5060", "start_user_profile": self.number,
        }
        # Nothing of speex may take the tone for noise.
        user = {
            "user_name": self.number, "user_domain": PROXY, "register_at_startup": "yes", "registration_time": "60",
            "codecs": "g711a", "stun_server": options.stun or "", "enable_nat_keepalive": "yes",
            "speex_dsp_agc": "no", "speex_dsp_nrd": "no", "speex_dsp_vad": "no", "speex_dsp_aec": "no",
        }
        for name, values in (("twinkle.sys", system), (f"{self.number}.cfg", user)):
            with open(f"{folder}/.twinkle/{name}", "w") as file:
                file.writelines(f"{key}={value}\n" for key, value in values.items())
        return ["twinkle-console"]

    def log(self):
        try:
            with open(f"{self.folder}/.twinkle/twinkle.log", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def sent_descriptions(self):
        return [part for part in re.split(r"^\+\+\+ ", self.log(), flags=re.M) if "Send to:" in part and "\nv=0" in part]

    def call(self, number):
        self.say(f"call {number}")

    def answer(self):
        self.say("answer")

    def hang_up(self):
        self.say("bye")

    def details(self):
        """What it learned from the STUN server: the kind of NAT, and its address as the server saw it."""
        log = self.log()
        return {
            "nat": (re.findall(r"^NAT type: (.*)", log, re.M) or [None])[0],
            "mapped": sorted(set(re.findall(r"^Mapped Address = (\S+)", log, re.M))),
        }


class Baresip(Phone):
    # It answers by itself.
    registered, rings, failed = "200 OK (kamailio", "answering call", "session closed"
    talks = talks_as_caller = "Call established"

    def configure(self, folder, options):
        settings = [
            f"module_path {options.baresip_modules}", "audio_source alsa,microphone", "audio_player alsa,speaker",
            "audio_alert alsa,silent", "ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1",
            *(f"module {name}.so" for name in ("stdio", "g711", "alsa", "turn")),
            *(f"module_app {name}.so" for name in ("account", "menu")),
        ]
        account = f"<sip:{self.number}@{PROXY};transport=tcp>;auth_pass=none;audio_codecs=pcma;regint=60;answermode=auto"
        if options.turn:
            account += f";medianat=turn;stunserver=\"turn:{options.turn}\""
            account += f";stunuser={options.user};stunpass={options.password}"
        for name, lines in (("config", settings), ("accounts", [account]), ("contacts", [])):
            with open(f"{folder}/{name}", "w") as file:
                file.writelines(f"{line}\n" for line in lines)
        return ["baresip", "-4", "-s", "-f", folder]

    def sent_descriptions(self):
        parts = re.split(r"^(?:\x1b\[[0-9;]*m)?#$", self.text(), flags=re.M)
        return [part for part in parts if re.search(rf"^TCP \S+ -> {re.escape(PROXY)}:", part, re.M) and "\nv=0" in part]

    def call(self, number):
        self.say(f"/dial {number}")

    def answer(self):
        pass

    def hang_up(self):
        self.say("/hangup")

    def end(self):
        self.process.terminate()
        super().end()

    def text(self):
        # Without the line of figures that it writes ten times a second.
        return re.sub(r"^\[\d+:\d\d:\d\d\] .*\n+", "", super().text(), flags=re.M)

    def details(self):
        return {}


def wait(what, limit, condition):
    deadline = time.monotonic() + limit
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {limit} s")
        time.sleep(0.1)
    return result


def start_proxy(folder, prefix, limit):
    configuration = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sip_proxy.cfg")
    command = ["kamailio", "-f", configuration, "-DD", "-E", "-m", "16", "-M", "4", "-Y", folder, "-P", f"{folder}/pid"]
    proxy = Process(folder, f"{prefix}-server", [*command, "-l", f"udp:{PROXY}:5060", "-l", f"tcp:{PROXY}:5060"])

    def listens():
        if proxy.process.poll() is not None:
            raise Failure(f"kamailio ended: {proxy.text()}")
        command = ["ip", "netns", "exec", f"{prefix}-server", "ss", "-Hlntu", "sport", "=", ":5060"]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "udp" in listing and "tcp" in listing

    wait("kamailio listens", limit, listens)
    return proxy


def join_homes(prefix):
    """Lets the two NATs reach each other through the server's namespace, as they would through the Internet."""
    commands = (
        ["ip", "-n", f"{prefix}-nat", "route", "replace", "198.18.8.0/24", "via", PROXY],
        ["ip", "netns", "exec", f"{prefix}-server", "sysctl", "-qw", "net.ipv4.ip_forward=1"],
    )
    for command in commands:
        subprocess.run(command, check=True)


def talk(called, caller, options, result):
    for phone in (called, caller):
        wait(f"{phone.number} registers", options.limit, lambda: phone.registered in phone.text())
    caller.call(called.number)
    wait("the call comes", options.limit, lambda: called.rings in called.text() or caller.failed in caller.text())
    result["came"] = called.rings in called.text()
    if not result["came"]:
        return
    called.answer()
    for phone, sign in ((called, called.talks), (caller, caller.talks_as_caller)):
        wait(f"{phone.number} talks", options.limit, lambda: sign in phone.text())
    result["answered"] = True

    def hear():
        result["heard"] = [called.card.seconds_heard(caller.card.tone), caller.card.seconds_heard(called.card.tone)]
        return min(result["heard"]) >= ENOUGH

    try:
        wait("both hear each other", options.silence or options.limit, hear)
    except Failure:
        if not options.silence:
            raise
    # Nobody hears oneself: what comes back would be an echo and no talk.
    result["echo"] = [phone.card.seconds_heard(phone.card.tone) for phone in (called, caller)]
    result["media"] = [phone.media() for phone in (called, caller)]
    caller.hang_up()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", help="of the namespaces")
    parser.add_argument("--phone", choices=("twinkle", "baresip"), required=True)
    parser.add_argument("--stun", help="address:port for twinkle; none without it")
    parser.add_argument("--turn", help="address:port for baresip; none without it")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--baresip-modules", default="/usr/lib/baresip/modules")
    parser.add_argument("--limit", type=int, default=40, help="seconds for each step")
    parser.add_argument("--silence", type=int, help="seconds after which it is enough that nobody hears anything")
    options = parser.parse_args()
    kind = {"twinkle": Twinkle, "baresip": Baresip}[options.phone]
    result = {"came": False, "answered": False, "heard": [0, 0], "failure": None}
    processes = []
    with tempfile.TemporaryDirectory(prefix="stund-test-sip-") as folder:
        for name in ("proxy", "called", "caller"):
            os.mkdir(f"{folder}/{name}")
        try:
            join_homes(options.prefix)
            proxy = start_proxy(f"{folder}/proxy", options.prefix, options.limit)
            processes.append(proxy)
            called = kind(f"{folder}/called", options.prefix, CALLED, options)
            processes.insert(0, called)
            caller = kind(f"{folder}/caller", options.prefix, CALLER, options)
            processes.insert(0, caller)
            talk(called, caller, options, result)
        except Failure as failure:
            result["failure"] = str(failure)
            result["output"] = [process.text()[-4000:] for process in processes]
        finally:
            phones = [process for process in processes if isinstance(process, Phone)]
            result["phones"] = {phone.number: phone.details() for phone in phones}
            for phone in phones:
                phone.end()
            for process in processes[len(phones):]:
                pattern = r"registered (\S+) from (\S+) by (\S+) contact (\S+)"
                for number, source, by, contact in re.findall(pattern, process.text()):
                    # What a phone takes back at its end is the same.
                    result["phones"][number].setdefault("registered", {"from": source, "by": by, "contact": contact})
                process.end()
    print(json.dumps(result), flush=True)
    return 1 if result["failure"] else 0


if __name__ == "__main__":
    sys.exit(main())
