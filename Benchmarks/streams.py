"""Works of `Benchmarks/peers` whose clients come by TCP or TLS: what they are, and how both servers are set up for them.

The load checks no certificate, so one that openssl makes here will do.
"""
import subprocess

CONNECTIONS = 10_000
TITLES = {
    "tcp-calls": "TCP clients, 100 calls x 50/s each way", "tcp-saturated": "TCP clients, saturated, 160 B both ways",
    "tls-calls": "TLS clients, 100 calls x 50/s each way", "tls-saturated": "TLS clients, saturated, 160 B both ways",
    "tcp-idle": "10,000 idle TCP connections", "tls-idle": "10,000 idle TLS connections",
}
# The TLS port of both lies so far above their first.
TLS_PORT = 10


def is_secure(work):
    return work.startswith("tls-")


def port(work, first):
    """The TCP port of a work, of a server whose first port this is."""
    return first + TLS_PORT if is_secure(work) else first


def certificate(folder):
    """Makes a certificate once; returns its file and that of its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        key.chmod(0o600)
    return certificate, key


def settings(files, first):
    """Our settings beyond those of every work."""
    return {"tls_certificate": files[0], "tls_key": files[1], "tls_port": first + TLS_PORT} if files else {}


def coturn_arguments(files, first):
    return ["--cert", files[0], "--pkey", files[1], "--tls-listening-port", str(first + TLS_PORT)] if files else []


def command(work, relay, both_ways, time):
    """The arguments of the load."""
    transport, kind = work.split("-")
    if kind == "idle":
        return ["idle", "--transport", transport, "--connections", CONNECTIONS, "--hold", 2]
    pace = ["--pps", 50] if kind == "calls" else ["--window", 16]
    return relay("--transport", transport, *both_ways, "--sessions", 100, *pace, *time)
